/**
 * The dispatch rules as tables that a person edits: for each part its columns, how a cell reads and what an edit makes of
 * the document. Pure: a document goes in, a new one comes out, the old one stays as it was.
 */
import type { CaseKind, DispatchRules } from '@/api/dispatch'

export type Cell = 'text' | 'number' | 'list' | 'flag' | 'choice' | 'choices' | 'time' | 'day'

export interface RuleColumn {
  key: string
  cell: Cell
  /** Words of the choices, from the page. */
  options?: string
  /** May be empty: the member is left out then. */
  free?: boolean
  width?: string
}

/** Parts that are lists of one kind of row. */
export const PARTS = {
  limits: [
    { key: 'stage', cell: 'choice', options: 'stage' },
    { key: 'code', cell: 'text', free: true },
    { key: 'priority', cell: 'choice', options: 'priority', free: true },
    { key: 'source', cell: 'choice', options: 'source', free: true },
    { key: 'area', cell: 'choice', options: 'area', free: true },
    { key: 'scheme', cell: 'text', free: true },
    { key: 'kind', cell: 'choice', options: 'limit' },
    { key: 'value', cell: 'number' },
    { key: 'from', cell: 'day' },
  ],
  teams: [
    { key: 'id', cell: 'text' },
    { key: 'name', cell: 'text' },
    { key: 'areas', cell: 'list' },
    { key: 'codes', cell: 'list' },
    { key: 'classes', cell: 'choices', options: 'class' },
    { key: 'lead', cell: 'text', free: true },
    { key: 'target', cell: 'text', free: true },
  ],
  members: [
    { key: 'user', cell: 'text' },
    { key: 'name', cell: 'text' },
    { key: 'team', cell: 'choice', options: 'team' },
    { key: 'skills', cell: 'list' },
    { key: 'phone', cell: 'text' },
    { key: 'device', cell: 'text', free: true },
    { key: 'backup', cell: 'choice', options: 'user', free: true },
  ],
  roster: [
    { key: 'user', cell: 'choice', options: 'user' },
    { key: 'day', cell: 'text' },
    { key: 'from', cell: 'time' },
    { key: 'to', cell: 'time' },
  ],
  review: [
    { key: 'name', cell: 'text' },
    { key: 'sources', cell: 'choices', options: 'source' },
    { key: 'codes', cell: 'list' },
    { key: 'photos', cell: 'number' },
    { key: 'duplicate_below', cell: 'number' },
    { key: 'dispatch', cell: 'flag' },
  ],
  notices: [
    { key: 'way', cell: 'choice', options: 'way' },
    { key: 'who', cell: 'choice', options: 'who' },
    { key: 'after_s', cell: 'number' },
  ],
} as const satisfies Record<string, readonly RuleColumn[]>

export type PartName = keyof typeof PARTS
export type RuleRow = Record<string, unknown>

const FRESH: Record<PartName, (rules: DispatchRules, today: string) => RuleRow> = {
  limits: (_, today) => ({ stage: 'handling', kind: 'work_hour', value: 4, from: today }),
  teams: (rules) => ({ id: `team-${rules.teams.length + 1}`, name: '', areas: [], codes: [], classes: [] }),
  members: (rules) => ({ user: '', name: '', team: rules.teams[0]?.id ?? '', skills: [], phone: '' }),
  roster: (rules) => ({ user: rules.members[0]?.user ?? '', day: 'mon', from: '08:00', to: '16:00' }),
  review: () => ({ name: '', sources: [], codes: [], photos: 1, duplicate_below: 0.6, dispatch: false }),
  notices: () => ({ way: 'app', who: 'assignee', after_s: 300 }),
}

export function rowsOf(rules: DispatchRules, part: PartName): RuleRow[] {
  return (rules[part] ?? []) as unknown as RuleRow[]
}

function withRows(rules: DispatchRules, part: PartName, rows: RuleRow[]): DispatchRules {
  return { ...rules, [part]: rows } as DispatchRules
}

export function addRow(rules: DispatchRules, part: PartName, today: string): DispatchRules {
  return withRows(rules, part, [...rowsOf(rules, part), FRESH[part](rules, today)])
}

export function removeRow(rules: DispatchRules, part: PartName, index: number): DispatchRules {
  return withRows(rules, part, rowsOf(rules, part).filter((_, i) => i !== index))
}

/** One place up: for review rules and notices the first that fits holds. */
export function raiseRow(rules: DispatchRules, part: PartName, index: number): DispatchRules {
  const rows = [...rowsOf(rules, part)]
  const [row] = rows.splice(index, 1)
  if (row === undefined || index === 0) return rules
  rows.splice(index - 1, 0, row)
  return withRows(rules, part, rows)
}

/** Words of a list cell: parted by commas, their Chinese kin, or blanks. */
export function listOfText(text: string): string[] {
  return [...new Set(text.split(/[\s,，、;；]+/).filter((word) => word !== ''))]
}

export function textOfList(list: unknown): string {
  return Array.isArray(list) ? list.join('、') : ''
}

/** The row with a cell as it was typed or chosen; an empty free cell is left out. */
export function setCell(row: RuleRow, column: RuleColumn, input: string | boolean | string[]): RuleRow {
  const next = { ...row }
  if (column.free === true && input === '') {
    delete next[column.key]
    return next
  }
  switch (column.cell) {
    case 'number':
      next[column.key] = input === '' ? 0 : Number(input)
      break
    case 'list':
      next[column.key] = Array.isArray(input) ? input : listOfText(String(input))
      break
    default:
      next[column.key] = input
  }
  return next
}

export function putRow(rules: DispatchRules, part: PartName, index: number, row: RuleRow): DispatchRules {
  return withRows(rules, part, rowsOf(rules, part).map((one, i) => (i === index ? row : one)))
}

/** The rules with a kind of case for an alarm code or a class; null takes it out. */
export function withKind(rules: DispatchRules, part: 'alarm_kinds' | 'class_kinds', key: string, kind: CaseKind | null): DispatchRules {
  const { [key]: _, ...rest } = (rules[part] ?? {}) as Record<string, CaseKind>
  return { ...rules, [part]: kind === null ? rest : { ...rest, [key]: kind } }
}

export interface Placed {
  path: string
  text: string
}

/** The sentences about one row, and about one cell of it. A path reads like `limits[3].value`. */
export function problemsAt(problems: readonly Placed[], part: string, index?: number, key?: string): Placed[] {
  const begin = index === undefined ? part : key === undefined ? `${part}[${index}]` : `${part}[${index}].${key}`
  return problems.filter(({ path }) => path === begin || path.startsWith(`${begin}.`) || path.startsWith(`${begin}[`))
}

const SHARES = ['warn_share', 'escalate_share', 'outer_margin_min'] as const
const CELLS: readonly (readonly [RegExp, string])[] = [
  [/生效日期/, 'from'],
  [/区域类型/, 'area'],
  [/的时限/, 'value'],
]

/** Where a sentence belongs that names its place in words only. Empty where it is about the whole. */
export function placeOf(text: string, rules: DispatchRules): string {
  const share = SHARES.find((key) => text.includes(key))
  if (share !== undefined) return share
  const line = /^(时限|值班)表第 (\d+) 行/.exec(text)
  if (line !== null) {
    const row = `${line[1] === '时限' ? 'limits' : 'roster'}[${Number(line[2]) - 1}]`
    if (line[1] === '时限') {
      const cell = CELLS.find(([words]) => words.test(text))
      return cell === undefined ? `${row}.stage` : `${row}.${cell[1]}`
    }
    return `${row}.${text.includes('的人员') ? 'user' : text.includes('的日期') ? 'day' : 'from'}`
  }
  const named = /"([^"]*)"/.exec(text)?.[1]
  if (text.startsWith('班组编号') || /^班组 "/.test(text)) return `teams[${rules.teams.map((one) => one.id).lastIndexOf(named ?? '')}].id`
  if (/^人员 "/.test(text)) {
    const index = rules.members.map((one) => one.user).lastIndexOf(named ?? '')
    return `members[${index}].${text.includes('替补') ? 'backup' : text.includes('的班组') ? 'team' : 'user'}`
  }
  const rule = /^自动立案规则「(.*?)」/.exec(text)
  if (rule !== null) return `review[${(rules.review ?? []).findIndex((one) => one.name === rule[1])}].name`
  const kind = /^告警 (\S+) 的案件类别/.exec(text)?.[1]
  if (kind !== undefined) return `${kind in (rules.class_kinds ?? {}) ? 'class_kinds' : 'alarm_kinds'}.${kind}`
  if (text.includes('alarm_kinds')) return 'alarm_kinds'
  if (text.includes('notices')) return 'notices'
  if (text.startsWith('时限表')) return 'limits'
  return text.startsWith('值班表') ? 'roster' : ''
}
