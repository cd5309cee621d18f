/** The lists of the rule set as forms: which members a row has, how each is typed, and the edits of whole rows. Pure. */
import type { Edit } from '@/api/change'
import type { WordKey } from '@/i18n'
import { applied, at, isTree, same, type Tree } from './document'

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
  /** A text of some lines. */
  | 'long'
  | 'time'
  /** Days of the week, 1 for Monday to 7 for Sunday. */
  | 'days'
  | 'priority'
  /** A level of harm, 0 to 3. */
  | 'harm'
  /** Points by the number of lost devices. */
  | 'lost'

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

const WEIGHT = f('points', 'number', { start: 5, word: 'change.field.weight' })
/** A place is a sub-district by its name, or an area. */
const SOMEWHERE = [f('sub_district', 'text', { optional: true, known: 'subDistricts' }), f('polygon', 'polygon', { optional: true })]
const SPAN = [f('from', 'time', { start: '07:30', word: 'change.field.begins' }), f('to', 'time', { start: '08:30', word: 'change.field.ends' })]
const WORDS = [TITLE, f('cause', 'long'), f('consequence', 'long'), f('action', 'long')]
const harm = (key: string) => f(`weights.${key}`, 'harm', { word: `change.cell.${key}` as WordKey })
const cell = (key: string, kind: FieldKind, more: Partial<Field> = {}) => f(key, kind, { word: `change.cell.${key}` as WordKey, ...more })

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
  places: { path: '/priority/places', fields: [TITLE, ...SOMEWHERE, WEIGHT] },
  people: { path: '/priority/people', fields: [TITLE, ...SOMEWHERE, f('days', 'days', { optional: true }), ...SPAN, WEIGHT] },
  hours: { path: '/priority/hours', fields: [TITLE, ...SPAN, f('classes', 'classes', { optional: true }), WEIGHT] },
  redundancy: { path: '/priority/redundancy', fields: [TITLE, f('members', 'words', { start: [] }), f('codes', 'words', { start: [], known: 'codes', word: 'change.field.lost_codes' }), f('points', 'lost', { start: [{ lost: 1, points: 5 }], word: 'change.field.lost' })] },
  defaults: {
    path: '/defaults',
    keyed: 1,
    fields: [
      ...WORDS,
      cell('severity', 'severity'), cell('at_least', 'priority', { optional: true }), cell('respond_within_min', 'number'),
      harm('safety'), harm('environment'), harm('service'), harm('asset'),
      cell('ack_required', 'flag'), cell('latching', 'flag'), cell('highly_managed', 'flag'), cell('re_alarm_ms', 'minutes', { optional: true }),
    ],
  },
  texts: { path: '/types', keyed: 2, fields: WORDS },
} as const satisfies Record<string, ListShape>

interface ListShape {
  path: string
  fields: readonly Field[]
  /** Rows stand under a name, or under two (class and code): nothing is added or taken out, members are edited one by one. */
  keyed?: 1 | 2
}

const shapeOf = (name: ListName): ListShape => LISTS[name]

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

/** A new row of a list, with a name that no other has; rows without an id are known by their title, which a person gives. */
export function freshRow(name: ListName, taken: ReadonlySet<string>): Tree {
  const fields: readonly Field[] = LISTS[name].fields
  let row: Tree = {}
  for (const field of fields) if (field.start !== undefined) row = set(row, field.key, structuredClone(field.start))
  if (!fields.includes(ID)) return row
  let n = 1
  while (taken.has(`${name}-${n}`)) n += 1
  return { ...row, id: `${name}-${n}` }
}

export const isKeyed = (name: ListName): boolean => shapeOf(name).keyed !== undefined

export interface ListRow {
  /** Place of the edit in the list of edits. */
  key: string
  row: Tree
  state: 'same' | 'changed' | 'removed' | 'new'
  /** Class of a row that stands under one. */
  class?: string
}

const escaped = (key: string) => key.replace(/~/g, '~0').replace(/\//g, '~1')

function keyedRows(rules: unknown, edits: ReadonlyMap<string, Edit>, { path, keyed }: ListShape): ListRow[] {
  const under = (base: string, of: unknown) => Object.entries(isTree(of) ? of : {}).map(([name, value]) => ({ name, key: `${base}/${escaped(name)}`, value }))
  const outer = under(path, at(rules, path)).map((one) => ({ ...one, class: one.name }))
  const rows = keyed === 1 ? outer : outer.flatMap((one) => under(one.key, one.value).map((inner) => ({ ...inner, class: one.name })))
  const changed = new Set([...edits.keys()].map((edit) => edit.split('/').slice(0, path.split('/').length + (keyed ?? 1)).join('/')))
  return rows.map(({ key, value, class: klass }) => ({
    key,
    row: changed.has(key) ? (at(applied(rules, [...edits.values()].filter((edit) => edit.path.startsWith(`${key}/`))), key) as Tree) : isTree(value) ? value : {},
    state: changed.has(key) ? 'changed' : 'same',
    class: klass,
  }))
}

/** Rows of a list with the edits; those behind the last are new. */
export function listRows(rules: unknown, edits: ReadonlyMap<string, Edit>, name: ListName): ListRow[] {
  if (isKeyed(name)) return keyedRows(rules, edits, shapeOf(name))
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

/** Keeps one member of a row that stands under a name; the tables of cells edit the same members by the same paths. */
export function withMember(rules: unknown, edits: ReadonlyMap<string, Edit>, key: string, field: string, value: unknown): Map<string, Edit> {
  const next = new Map(edits)
  const path = `${key}/${field.split('.').map(escaped).join('/')}`
  const before = at(rules, path)
  if (same(before ?? null, value ?? null)) next.delete(path)
  else if (value === undefined) next.set(path, { op: 'remove', path })
  else next.set(path, { op: before === undefined ? 'add' : 'replace', path, value })
  return next
}

/** A row that stands under a name as it was before. */
export function withoutMembers(edits: ReadonlyMap<string, Edit>, key: string): Map<string, Edit> {
  return new Map([...edits].filter(([path]) => !path.startsWith(`${key}/`)))
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
  const dotted = (isKeyed(name) ? row.key : LISTS[name].path).slice(1).replaceAll('/', '.')
  const start = isKeyed(name) ? dotted : `${dotted}[${place}]`
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
