/** The lists of the rule set as forms: which members a row has, how each is typed, and the edits of whole rows. Pure. */
import type { Edit } from '@/api/change'
import type { WordKey } from '@/i18n'
import { at, isTree, same, type Tree } from './document'

export type FieldKind =
  | 'text'
  | 'number'
  | 'seconds'
  | 'minutes'
  | 'flag'
  | 'class'
  | 'classes'
  | 'severity'
  /** Words apart from commas. */
  | 'words'
  | 'numbers'
  | 'input'
  | 'inputs'
  | 'hours'
  | 'polygon'
  | 'choice'
  /** One of several forms, `{ name: {…} }`, or the bare name. */
  | 'trespass'
  | 'watch'
  | 'reference'
  | 'tests'
  /** Codes per class. */
  | 'codesByClass'

export interface Field {
  /** Members to it, `flood.window_ms`. */
  key: string
  kind: FieldKind
  word: WordKey
  /** May be left out. */
  optional?: boolean
  choices?: readonly string[]
  /** Its value in a new row. */
  start?: unknown
  /** Place of the list of known values that the browser offers. */
  known?: 'codes' | 'points' | 'subDistricts' | 'relations'
}

const f = (key: string, kind: FieldKind, more: Partial<Field> = {}): Field => ({ key, kind, word: `change.field.${key.replaceAll('.', '_')}` as WordKey, ...more })
const ID = f('id', 'text', { start: '' })
const TITLE = f('title', 'text', { start: '' })
const DELAYS = [f('on_delay_ms', 'seconds', { start: 0 }), f('off_delay_ms', 'seconds', { start: 0 })]

/** The lists that are edited as rows, by their place in the rule set. */
export const LISTS = {
  watches: { path: '/watches', fields: [ID, f('class', 'class', { start: 'charger' }), f('kind', 'text', { optional: true }), f('code', 'text', { start: '', known: 'codes' }), f('severity', 'severity', { optional: true }), ...DELAYS, f('when', 'watch', { start: { state: { point: '@on', among: [0] } } })] },
  fences: {
    path: '/fences',
    fields: [
      ID, TITLE,
      f('polygon', 'polygon', { start: [] }),
      f('on', 'trespass', { start: 'enter' }),
      f('code', 'text', { start: '', known: 'codes' }), f('severity', 'severity', { optional: true }),
      f('classes', 'classes', { optional: true }), f('kinds', 'words', { optional: true }), f('devices', 'words', { optional: true }),
      f('hours', 'hours', { optional: true }),
      f('hysteresis_m', 'number', { start: 30 }), f('accuracy_max_m', 'number', { start: 100 }),
      ...DELAYS,
    ],
  },
  causes: {
    path: '/correlate/causes',
    fields: [ID, TITLE, f('relation', 'text', { start: 'parent', known: 'relations' }), f('cause.class', 'class', { optional: true }), f('cause.codes', 'words', { start: [], known: 'codes' }), f('effect.class', 'class', { optional: true }), f('effect.codes', 'words', { start: [], known: 'codes' }), f('within_ms', 'seconds', { start: 60_000 }), f('grace_ms', 'seconds', { start: 0 })],
  },
  near: { path: '/correlate/near', fields: [ID, TITLE, f('codes', 'codesByClass', { start: {} }), f('radius_m', 'number', { start: 100 }), f('window_ms', 'minutes', { start: 600_000 })] },
  desks: {
    path: '/correlate/desks',
    fields: [ID, TITLE, f('classes', 'classes', { start: [] }), f('sub_districts', 'words', { start: [], known: 'subDistricts' }), f('flood.window_ms', 'minutes', { start: 600_000 }), f('flood.start_if_more_than', 'number', { start: 10 }), f('flood.end_if_fewer_than', 'number', { start: 5 })],
  },
  suppressions: { path: '/suppressions', fields: [ID, f('class', 'class', { start: 'plant' }), f('while_active', 'text', { start: '', known: 'codes' }), f('hides', 'words', { start: [], known: 'codes' })] },
} as const satisfies Record<string, { path: string; fields: readonly Field[] }>

export type ListName = keyof typeof LISTS
export const LIST_NAMES = Object.keys(LISTS) as ListName[]

export function get(row: unknown, key: string): unknown {
  return key.split('.').reduce<unknown>((here, name) => (isTree(here) ? here[name] : undefined), row)
}

/** The row with another value; undefined takes the member out. */
export function set(row: unknown, key: string, value: unknown): Tree {
  const [name, ...rest] = key.split('.') as [string, ...string[]]
  const next: Tree = isTree(row) ? { ...row } : {}
  const inner = rest.length === 0 ? value : set(next[name], rest.join('.'), value)
  if (inner === undefined) delete next[name]
  else next[name] = inner
  return next
}

/** A new row of a list, with a name that no other has. */
export function freshRow(name: ListName, taken: ReadonlySet<string>): Tree {
  const fields: readonly Field[] = LISTS[name].fields
  let row: Tree = {}
  for (const field of fields) if (field.start !== undefined) row = set(row, field.key, structuredClone(field.start))
  let n = 1
  while (taken.has(`${name}-${n}`)) n += 1
  return { ...row, id: `${name}-${n}` }
}

export interface ListRow {
  /** Place of the edit in the list of edits. */
  key: string
  row: Tree
  state: 'same' | 'changed' | 'removed' | 'new'
}

/** Rows of a list with the edits; those behind the last are new. */
export function listRows(rules: unknown, edits: ReadonlyMap<string, Edit>, name: ListName): ListRow[] {
  const path: string = LISTS[name].path
  const list = at(rules, path)
  const known = (Array.isArray(list) ? list : []).map((one, n): ListRow => {
    const key = `${path}/${n}`
    const edit = edits.get(key)
    const row = isTree(one) ? one : {}
    if (edit === undefined) return { key, row, state: 'same' }
    return edit.op === 'remove' ? { key, row, state: 'removed' } : { key, row: isTree(edit.value) ? edit.value : {}, state: 'changed' }
  })
  const fresh = [...edits].filter(([key]) => key.startsWith(`${path}/-`)).map(([key, edit]): ListRow => ({ key, row: isTree(edit.value) ? edit.value : {}, state: 'new' }))
  return [...known, ...fresh]
}

/** Keeps a row; one that is as it was leaves no edit. */
export function withRow(rules: unknown, edits: ReadonlyMap<string, Edit>, key: string, row: Tree): Map<string, Edit> {
  const next = new Map(edits)
  if (/\/-\d+$/.test(key)) next.set(key, { op: 'add', path: key.replace(/-\d+$/, '-'), value: row })
  else if (same(at(rules, key), row)) next.delete(key)
  else next.set(key, { op: 'replace', path: key, value: row })
  return next
}

/** Takes a row out, or puts it back. */
export function withoutRow(edits: ReadonlyMap<string, Edit>, row: ListRow): Map<string, Edit> {
  const next = new Map(edits)
  if (row.state === 'new' || row.state === 'removed') next.delete(row.key)
  else next.set(row.key, { op: 'remove', path: row.key })
  return next
}

/** A new row behind the last; its key. */
export function addRow(rules: unknown, edits: ReadonlyMap<string, Edit>, name: ListName): { edits: Map<string, Edit>; key: string } {
  const taken = new Set(listRows(rules, edits, name).map((one) => String(one.row.id ?? '')))
  let n = 1
  while (edits.has(`${LISTS[name].path}/-${n}`)) n += 1
  const key = `${LISTS[name].path}/-${n}`
  return { edits: withRow(rules, edits, key, freshRow(name, taken)), key }
}

/** Problems of the server for one row: its place in the list as it will be, and the member behind it. */
export function problemsOf(rows: readonly ListRow[], row: ListRow, name: ListName, problems: readonly { path: string; text: string }[]): { member: string; text: string }[] {
  const place = rows.filter((one) => one.state !== 'removed').findIndex((one) => one.key === row.key)
  const start = `${LISTS[name].path.slice(1).replaceAll('/', '.')}[${place}]`
  return problems.filter((one) => place >= 0 && (one.path === start || one.path.startsWith(`${start}.`) || one.path.startsWith(`${start}[`))).map((one) => ({ member: one.path.slice(start.length + 1), text: one.text }))
}

// --- topology ---------------------------------------------------------------------------------------------------------

export interface LinkRow {
  relation: string
  node: string
  parents: string[]
  changed: boolean
}

const LINKS = '/correlate/links'
/** Names of nodes may have dots. */
const member = (of: unknown, name: string): unknown => (isTree(of) ? of[name] : undefined)

/** Who hangs on whom, a line a node, with the edits. All links are one edit: tables are pasted whole. */
export function linkRows(rules: unknown, edits: ReadonlyMap<string, Edit>): LinkRow[] {
  const before = at(rules, LINKS)
  const now = edits.get(LINKS)?.value ?? before
  const rows: LinkRow[] = []
  for (const [relation, nodes] of Object.entries(isTree(now) ? now : {})) {
    for (const [node, parents] of Object.entries(isTree(nodes) ? nodes : {})) {
      const list = Array.isArray(parents) ? parents.map(String) : []
      rows.push({ relation, node, parents: list, changed: !same(member(member(before, relation), node), parents) })
    }
  }
  return rows
}

/** Links as lines `relation node parent parent`, as from a spreadsheet. */
export function linksText(rows: readonly LinkRow[]): string {
  return rows.map((one) => [one.relation, one.node, ...one.parents].join('\t')).join('\n')
}

export function linksOf(text: string): { links: Record<string, Record<string, string[]>>; bad: number[] } {
  const links: Record<string, Record<string, string[]>> = {}
  const bad: number[] = []
  text.split('\n').forEach((line, n) => {
    // Names may have blanks where tabs or commas part them.
    const words = line.split(/[\t,，]/.test(line) ? /[\t,;，；]/ : /\s+/).map((one) => one.trim()).filter((one) => one !== '')
    if (words.length === 0) return
    const [relation, node, ...parents] = words
    if (relation === undefined || node === undefined || parents.length === 0) bad.push(n + 1)
    else links[relation] = { ...links[relation], [node]: [...new Set([...(links[relation]?.[node] ?? []), ...parents])].sort() }
  })
  return { links, bad }
}

export function withLinks(rules: unknown, edits: ReadonlyMap<string, Edit>, links: Record<string, Record<string, string[]>>): Map<string, Edit> {
  const next = new Map(edits)
  const before = at(rules, LINKS)
  if (same(before ?? {}, links)) next.delete(LINKS)
  else next.set(LINKS, { op: before === undefined ? 'add' : 'replace', path: LINKS, value: links })
  return next
}
