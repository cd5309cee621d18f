/** KPI, hand-over and notification, in the words of docs/api.md. */
import type { AlarmState, DeviceClass, Order, Priority } from './types'

export interface DeskName {
  id: string
  title: string
}

export type Verdict = 'good' | 'manageable' | 'excess' | 'unknown'

export interface KpiRow {
  id: string
  label: string
  unit: string
  value: number | null
  target: number
  limit: number | null
  verdict: Verdict
  text: string
}

interface OneAlarm {
  device: string
  device_name: string
  code: string
  title: string
}

export interface TopRow extends OneAlarm {
  count: number
  share: number
  alarm: string
}

export interface Standing extends OneAlarm {
  alarm: string
  priority: Priority
  sub_district: string
  state: AlarmState
  folded: boolean
  since: number
  called_at: number | null
  acknowledged: boolean
}

export interface ResponseRow {
  priority: Priority | null
  count: number
  /** None where nobody did it. */
  median_ms: number | null
  p90_ms: number | null
}

export interface KpiReport {
  desk: DeskName
  from: number
  to: number
  utc_offset_min: number
  complete: boolean
  called: number
  table: KpiRow[]
  /** The fullest ten minutes; none where nobody was called. */
  peak: { at: number; count: number } | null
  bins: { total: number; over: number }
  flood: { ms: number; share: number; spans: { from: number; to: number | null; called: number }[] }
  top: TopRow[]
  chattering: (OneAlarm & { bursts: number | null; count: number })[]
  fleeting: (OneAlarm & { count: number })[]
  stale: Standing[]
  priorities: { priority: Priority; count: number; share: number; target: number; verdict: Verdict }[]
  acknowledge: ResponseRow[]
  return: ResponseRow[]
  trend: { at: number; called: number; by_priority: number[]; peak: number }[]
}

export interface HiddenRow {
  standing: Standing
  by: string
  at: number
  reason: string
  until: number | null
}

export interface Handover {
  kpi: KpiReport
  standing: { priority: Priority; count: number }[]
  unacknowledged: Standing[]
  open: Standing[]
  shelved: HiddenRow[]
  out_of_service: HiddenRow[]
  suppressed: Standing[]
  comments: { alarm: string; title: string; at: number; by: string; text: string }[]
  orders: Order[]
  truncated: boolean
}

// --- notification ------------------------------------------------------------------------------------------------------

/** One of `role`, `user`, `webhook`, `sms`, `wecom`. */
export type Receiver = Record<string, string>

export const GROUP_LABELS = ['desk', 'class', 'code', 'device', 'sub_district', 'priority', 'alarm'] as const
export type GroupLabel = (typeof GROUP_LABELS)[number]

export interface NotifyMatch {
  classes?: DeviceClass[]
  codes?: string[]
  priorities?: Priority[]
  desks?: string[]
  sub_districts?: string[]
  hours?: { from: string; to: string } | null
}

export interface Route {
  id: string
  title: string
  match?: NotifyMatch
  receivers?: Receiver[]
  group_by?: GroupLabel[] | null
  group_wait_s?: number | null
  group_interval_s?: number | null
  repeat_interval_s?: number | null
  send_resolved?: boolean | null
  escalate?: { after_s: number; receivers: Receiver[] }[] | null
  continue?: boolean
  routes?: Route[]
}

export interface NotifyRules {
  version: number
  utc_offset_min: number
  routes: Route[]
}

export interface NotifyAnswer {
  rules: NotifyRules
  version: number
  by: string
  at: number
  receivers: { name: string; kind: string; target: string }[]
}

export interface Notice {
  id: string
  kind: 'firing' | 'repeat' | 'resolved' | 'escalation' | 'test' | 'message'
  at: number
  route: string
  route_title: string
  group: Record<string, string>
  priority: Priority | null
  title: string
  text: string
  alarms: { alarm: string; device: string; device_name: string; class: DeviceClass; code: string; title: string; priority: Priority; sub_district: string; firing: boolean; called_at: number }[]
  total: number
  /** How it is shown where it is pushed; notices of alarms leave it out. */
  push?: { url: string; tag: string; urgency: 'very-low' | 'low' | 'normal' | 'high' } | null
}

export type DeliveryState = 'queued' | 'sent' | 'failed' | 'gave_up'

export interface Delivery {
  seq: number
  key: string
  at: number
  channel: 'page' | 'webhook' | 'sms' | 'wecom' | 'push'
  receiver: string
  state: DeliveryState
  tries: number
  next_try: number | null
  done_at: number | null
  response: string
  notice: Notice
}

/** What a person was told in the page. */
export interface Notification {
  seq: number
  at: number
  notice: Notice
}

export interface Notifications {
  items: Notification[]
  last: number
  /** Number of the newest one that was read. */
  read: number
  unread: number
}

/** A browser that takes notices while no page is open. */
export interface PushBrowser {
  endpoint: string
  label: string
  at: number
}
