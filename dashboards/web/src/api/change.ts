/** Change control of the rules, in the words of docs/api.md. */
import type { Priority, Severity } from './types'

export type ChangeState =
  | 'draft'
  | 'in_review'
  | 'in_approval'
  | 'scheduled'
  | 'in_force'
  | 'closed'
  | 'rejected'
  | 'withdrawn'
export const CHANGE_STATES: readonly ChangeState[] = [
  'draft',
  'in_review',
  'in_approval',
  'scheduled',
  'in_force',
  'closed',
  'rejected',
  'withdrawn',
]

export interface Change {
  id: number
  title: string
  reason: string
  state: ChangeState
  revision: number
  candidate: number
  base: number
  restores: number | null
  emergency: boolean
  effective_at: number | null
  requester: string
  created_at: number
  submitted_at: number | null
  reviewer: string | null
  reviewed_at: number | null
  approver: string | null
  approved_at: number | null
  approve_by: number | null
  overdue: boolean
  version: number | null
  in_force_at: number | null
  verified: boolean | null
  verifier: string | null
  closed_at: number | null
  backtested: boolean
  differences: number
}

export interface Difference {
  path: string
  label: string
  kind: 'added' | 'removed' | 'changed'
  was?: unknown
  becomes?: unknown
  was_text: string
  becomes_text: string
}

export interface ChangeEvent {
  seq: number
  at: number
  by: string
  act: string
  from: string | null
  to: string
  comment: string
}

export interface RuleProblem {
  path: string
  text: string
}

export interface AlarmRow {
  alarm: string
  device: string
  device_name: string
  code: string
  title: string
  sub_component: string | null
  severity: Severity
  priority: Priority
  raised_at: number
  returned_at: number | null
  count: number
  annunciations: number
  first_position: number
}

export interface BacktestKpi {
  alarms: number
  annunciations: number
  per_hour: number
  peak_10min: number
  peak_at: number | null
  by_priority: Partial<Record<Priority, number>>
  top: { device: string; device_name: string; code: string; title: string; annunciations: number }[]
}

export interface BacktestResult {
  messages: number
  elapsed_s: number
  gained_total: number
  lost_total: number
  changed_total: number
  same: number
  gained: AlarmRow[]
  lost: AlarmRow[]
  changed: { was: AlarmRow; would_be: AlarmRow }[]
  before: BacktestKpi
  after: BacktestKpi
  truncated: boolean
}

export interface Backtest {
  change: number
  candidate: number
  present: boolean
  state: 'running' | 'done' | 'failed' | 'cancelled' | 'interrupted'
  by: string
  days: number
  from: number
  to: number
  started_at: number
  finished_at: number | null
  progress: number
  seconds_left: number | null
  error: string | null
  result: BacktestResult | null
}

export type ChangeAct = 'submit' | 'withdraw' | 'emergency' | 'review' | 'approve' | 'reject' | 'verify' | 'edit' | 'backtest'

export interface ChangeDetail {
  change: Change
  diff: Difference[]
  events: ChangeEvent[]
  may: string[]
  backtest: Backtest | null
  stale: boolean
  problems: RuleProblem[]
}

/** One step of an RFC 6902 patch. */
export interface Edit {
  op: 'add' | 'remove' | 'replace'
  path: string
  value?: unknown
}

/** A pair of alarm types that keep coming together, and the rule to ask for. */
export interface SuggestedCause {
  class: string
  cause: string
  cause_title: string
  effect: string
  effect_title: string
  text: string
  incidents: number
  share: number
  z: number
  typical_lag_ms: number | null
  examples: { device: string; cause_at: number; effect_at: number }[]
  rule: { id: string; title: string } & Record<string, unknown>
}

export interface Suggestions {
  from: number
  to: number
  occurrences: number
  truncated: boolean
  items: SuggestedCause[]
}

export interface RulesAnswer {
  version: number
  rules: unknown
  running_version: number | null
  by: string
  at: number
  change: number | null
}

export interface RuleVersion {
  version: number
  by: string
  at: number
  change: number | null
  origin: 'builtin' | 'file' | 'change'
}

export interface RuleFinding {
  kind: string
  text: string
  diff: Difference[]
  change: number | null
}

export interface RuleAudit {
  at: number
  running_version: number | null
  master_version: number
  findings: RuleFinding[]
}
