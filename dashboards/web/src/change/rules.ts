/**
 * The rule set as tables that a person edits, and the edits as an RFC 6902 patch. Pure.
 *
 * Durations are milliseconds in the rules and seconds or minutes on the page; a cell knows its path and how to read what
 * was typed. What was typed and is the same as before is no edit.
 */
import { PRIORITIES, type DeviceClass, type Severity } from '@/api/types'
import type { Edit } from '@/api/change'

export type CellKind = 'number' | 'seconds' | 'minutes' | 'severity' | 'priority' | 'flag'

export interface RuleCell {
  /** JSON pointer into the rule set. */
  path: string
  kind: CellKind
  value: unknown
  /** The member is not there yet: it is added, not replaced. */
  missing: boolean
}

export interface RuleRow {
  id: string
  class: DeviceClass | ''
  title: string
  sub: string
  unit: string
  cells: Record<string, RuleCell>
}

export const SEVERITIES: readonly Severity[] = ['critical', 'major', 'minor', 'warning']

export const LIMIT_CELLS = ['limit', 'deadband', 'on_delay_ms', 'off_delay_ms', 'severity'] as const
export const TYPE_CELLS = [
  'severity',
  'at_least',
  'respond_within_min',
  'safety',
  'environment',
  'service',
  'asset',
  'ack_required',
  'latching',
  'highly_managed',
  're_alarm_ms',
] as const

type Tree = Record<string, unknown>

const escaped = (key: string) => key.replace(/~/g, '~0').replace(/\//g, '~1')
const tree = (value: unknown): Tree => (typeof value === 'object' && value !== null ? (value as Tree) : {})
const text = (value: unknown) => (typeof value === 'string' ? value : '')

function cell(base: string, of: Tree, key: string, kind: CellKind): RuleCell {
  return { path: `${base}/${escaped(key)}`, kind, value: of[key] ?? null, missing: !(key in of) }
}

export function limitRows(rules: unknown): RuleRow[] {
  const all = tree(rules)
  const limits = Array.isArray(all.limits) ? (all.limits as unknown[]) : []
  return limits.map((one, i) => {
    const limit = tree(one)
    const base = `/limits/${i}`
    const klass = text(limit.class) as DeviceClass
    const point = tree(tree(tree(all.points)[klass])[text(limit.point)])
    const type = tree(tree(tree(all.types)[klass])[text(limit.code)])
    return {
      id: base,
      class: klass,
      title: text(type.title) || text(limit.code),
      sub: `${text(point.label) || text(limit.point)}${text(limit.kind) === '' ? '' : ` · ${text(limit.kind)}`} ${SIDES[text(limit.side)] ?? text(limit.side)}`,
      unit: text(limit.unit) || text(point.unit),
      cells: {
        limit: cell(base, limit, 'limit', 'number'),
        deadband: cell(base, limit, 'deadband', 'number'),
        on_delay_ms: cell(base, limit, 'on_delay_ms', 'seconds'),
        off_delay_ms: cell(base, limit, 'off_delay_ms', 'seconds'),
        severity: cell(base, limit, 'severity', 'severity'),
      },
    }
  })
}

const SIDES: Record<string, string> = { high: '>', low: '<', above: '>', below: '<' }

export function typeRows(rules: unknown): RuleRow[] {
  const rows: RuleRow[] = []
  for (const [klass, codes] of Object.entries(tree(tree(rules).types))) {
    for (const [code, one] of Object.entries(tree(codes))) {
      const type = tree(one)
      const base = `/types/${escaped(klass)}/${escaped(code)}`
      const weights = tree(type.weights)
      rows.push({
        id: base,
        class: klass as DeviceClass,
        title: text(type.title) || code,
        sub: code,
        unit: '',
        cells: {
          severity: cell(base, type, 'severity', 'severity'),
          at_least: cell(base, type, 'at_least', 'priority'),
          respond_within_min: cell(base, type, 'respond_within_min', 'number'),
          safety: cell(`${base}/weights`, weights, 'safety', 'number'),
          environment: cell(`${base}/weights`, weights, 'environment', 'number'),
          service: cell(`${base}/weights`, weights, 'service', 'number'),
          asset: cell(`${base}/weights`, weights, 'asset', 'number'),
          ack_required: cell(base, type, 'ack_required', 'flag'),
          latching: cell(base, type, 'latching', 'flag'),
          highly_managed: cell(base, type, 'highly_managed', 'flag'),
          re_alarm_ms: cell(base, type, 're_alarm_ms', 'minutes'),
        },
      })
    }
  }
  return rows
}

/** Single numbers: thresholds of the priority, windows of merging, when a class is missed. One cell a row, `value`. */
export function numberRows(rules: unknown): RuleRow[] {
  const rows: RuleRow[] = []
  const add = (base: string, of: Tree, klass: DeviceClass | '') => {
    for (const key of Object.keys(of)) {
      if (typeof of[key] !== 'number') continue
      const kind: CellKind = key.endsWith('_ms') ? 'seconds' : 'number'
      rows.push({ id: `${base}/${key}`, class: klass, title: `${base.split('/')[1]}.${key}`, sub: key, unit: '', cells: { value: cell(base, of, key, kind) } })
    }
  }
  const all = tree(rules)
  add('/priority', tree(all.priority), '')
  add('/merge', tree(all.merge), '')
  for (const [klass, of] of Object.entries(tree(all.classes))) add(`/classes/${escaped(klass)}`, tree(of), klass as DeviceClass)
  return rows
}

const SCALE: Partial<Record<CellKind, number>> = { seconds: 1_000, minutes: 60_000 }

/** As it stands in the input. */
export function shown(kind: CellKind, value: unknown): string {
  if (value === null || value === undefined) return ''
  const scale = SCALE[kind]
  return scale !== undefined && typeof value === 'number' ? String(value / scale) : String(value)
}

/** What was typed; undefined where it is none. An empty text is the missing member. */
export function typed(kind: CellKind, input: string): unknown {
  if (kind === 'flag') return input === 'true'
  const trimmed = input.trim()
  if (trimmed === '') return null
  if (kind === 'severity') return SEVERITIES.find((one) => one === trimmed)
  if (kind === 'priority') return PRIORITIES.find((one) => one === trimmed)
  const number = Number(trimmed)
  if (!Number.isFinite(number)) return undefined
  return kind === 'number' ? number : Math.round(number * (SCALE[kind] ?? 1))
}

/** Takes an edit of a cell into the list of edits; one that restores what was there leaves none. */
export function edited(edits: ReadonlyMap<string, Edit>, of: RuleCell, value: unknown): Map<string, Edit> {
  const next = new Map(edits)
  if (value === undefined) return next
  if (value === of.value) next.delete(of.path)
  else if (value === null) next.set(of.path, { op: 'remove', path: of.path })
  else next.set(of.path, { op: of.missing ? 'add' : 'replace', path: of.path, value })
  return next
}

/** What a cell holds with the edits. */
export function held(edits: ReadonlyMap<string, Edit>, of: RuleCell): unknown {
  const edit = edits.get(of.path)
  if (edit === undefined) return of.value
  return edit.op === 'remove' ? null : (edit.value ?? null)
}
