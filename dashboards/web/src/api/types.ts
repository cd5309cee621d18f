/**
 * The vocabulary of the HTTP and live contract (docs/api.md), in the words of the `model` crate.
 *
 * Times are Unix milliseconds, coordinates WGS-84 degrees, units UCUM codes. Nothing here has behaviour.
 */

import type { FeatureCollection, Geometry } from 'geojson'
import type { Order } from './dispatch'

export type { Order, OrderDetail, OrderState } from './dispatch'

export type DeviceClass = 'patrol' | 'vehicle' | 'plant' | 'charger' | 'environment' | 'light'
export const DEVICE_CLASSES: readonly DeviceClass[] = ['patrol', 'vehicle', 'plant', 'charger', 'environment', 'light']

export type Presence = 'online' | 'silent' | 'offline'
export type Quality = 'good' | 'uncertain' | 'bad'
export type Severity = 'critical' | 'major' | 'minor' | 'warning'
export type Priority = 'P1' | 'P2' | 'P3' | 'P4'
export const PRIORITIES: readonly Priority[] = ['P1', 'P2', 'P3', 'P4']

export type Role =
  | 'dispatcher'
  | 'plant_operator'
  | 'clerk'
  | 'patrol_officer'
  | 'crew'
  | 'auditor'
  | 'administrator'

export interface UnitView {
  id: string
  class: DeviceClass
  name: string
  lon: number | null
  lat: number | null
  speed_kmh: number | null
  heading_deg: number | null
  accuracy_m: number | null
  battery_pct: number | null
  sos: boolean
  /** Device time of the fix. */
  time: number | null
  /** When the hub received the newest message, with fractions. */
  received: number
  state: Presence
}

export interface PointValue {
  point: string
  label: string
  value: number
  unit: string
  quality: Quality
  time: number
  normal: [number, number] | null
}

export interface DeviceView {
  id: string
  class: DeviceClass
  name: string
  kind: string
  lon: number | null
  lat: number | null
  sub_district: string
  parent: string | null
  state: Presence
  on: boolean | null
  dim_pct: number | null
  values: PointValue[]
  time: number | null
  received: number
}

export type AlarmState =
  | 'normal'
  | 'unacknowledged'
  | 'acknowledged'
  | 'returned_unacknowledged'
  | 'latched_unacknowledged'
  | 'latched_acknowledged'
  | 'shelved'
  | 'suppressed_by_design'
  | 'out_of_service'

export interface Reason {
  code: string
  text: string
  points: number | null
}

export interface Alarm {
  id: string
  device: string
  class: DeviceClass
  device_name: string
  sub_component: string | null
  code: string
  title: string
  cause: string
  consequence: string
  action: string
  text: string
  severity: Severity
  priority: Priority
  priority_reasons: Reason[]
  state: AlarmState
  active: boolean
  acknowledged: boolean
  acknowledged_by: string | null
  acknowledged_at: number | null
  shelved_until: number | null
  raised_at: number
  last_seen_at: number
  returned_at: number | null
  count: number
  annunciations: number
  value: number | null
  limit: number | null
  unit: string
  lon: number | null
  lat: number | null
  sub_district: string
  late: boolean
  /** Why messages were merged into this occurrence. */
  explanation: Reason[]
  /** The alarm that explains this one; left out where none does. */
  folded_under?: string | null
  /** Alarms that stand folded under this one. */
  folds: number
  first_position: number
  last_position: number
}

export type AlarmEventKind =
  | 'raised'
  | 'repeated'
  | 'escalated'
  | 'returned'
  | 'acknowledged'
  | 'shelved'
  | 'unshelved'
  | 'commented'
  | 'reprioritised'
  | 'reset'
  | 'suppressed'
  | 'unsuppressed'
  | 'removed_from_service'
  | 'returned_to_service'
  | 'folded'
  | 'unfolded'
  | 'gathered'

export interface AlarmEvent {
  alarm: string
  kind: AlarmEventKind
  at: number
  position: number
  by: string
  text: string
  state: AlarmState
  value: number | null
  /** An operator was called by it. */
  called: boolean
  repeats?: Repeats | null
}

/** Repeats of one source that were told together; the event's own position is the last of them. */
export interface Repeats {
  count: number
  first: number
  from: number
}

export interface AlarmMember {
  position: number
  repeats?: Repeats | null
  at: number
  value: number | null
  text: string
}

/** A desk is in flood: more calls than a person can answer. */
export interface Flood {
  desk: string
  title: string
  flooded: boolean
  at: number
  count: number
}

export interface Floods {
  now: Flood[]
  items: Flood[]
}

/** Leave for a device to be out of service. */
export interface Permit {
  permit: string
  reason: string
  by: string
  since: number
  planned_return: number
}

export interface ServiceChange {
  device: string
  permit: Permit | null
  by: string
  at: number
}

/** The second person that hiding a highly managed alarm takes. */
export interface Witness {
  username: string
  password: string
}

/** What came of an act on many alarms at once. */
export interface BulkAnswer {
  done: string[]
  refused: { alarm: string; why: string }[]
}

export interface AlarmDetail {
  alarm: Alarm
  timeline: AlarmEvent[]
  members: AlarmMember[]
  /** Alarms that stand folded under it. */
  folded: Alarm[]
  explanation: Reason[]
  order: Order | null
}

export interface Track {
  unit: string
  /** time, lon, lat, km/h, degrees clockwise from north */
  points: [number, number, number, number | null, number | null][]
  total: number
}

export interface History {
  device: string
  point: string
  unit: string
  points: [number, number, Quality][]
  total: number
}

export type RejectCode =
  | 'unknown_topic'
  | 'bad_device_id'
  | 'unknown_device'
  | 'class_mismatch'
  | 'empty'
  | 'too_large'
  | 'not_utf8'
  | 'not_json'
  | 'missing_member'
  | 'wrong_type'
  | 'out_of_range'
  | 'off_earth'
  | 'time_too_old'
  | 'time_in_future'
  | 'too_many'

/** The reason and the facts it rests on; which facts depends on the reason. */
export type Reject = { reason: RejectCode } & Record<string, string | number>

export interface Quarantined {
  position: number
  received: number
  channel: Channel
  principal: string
  topic: string
  device: string | null
  reject: Reject
  /** Stable code of the reason. */
  code: string
  /** The server's own sentence, for programs and for reasons this page does not know. */
  explanation: string
  element: number | null
  excerpt: string
  bytes: number
}

export interface QuarantineCount {
  /** Empty where the topic named none; then the sender stands in `principal`. */
  device: string
  principal: string
  reason: RejectCode
  count: number
  last: number
}

export type Channel = 'mqtt' | 'nats' | 'jetstream' | 'bridge' | 'http' | 'hub'

export interface Counts {
  accepted: number
  applied: number
  quarantined: number
  pending: number
}

export interface Ledger extends Counts {
  sources: (Counts & { source: Channel })[]
}

export interface User {
  username: string
  name: string
  role: Role
}

export interface Session {
  token: string
  user: User
  expires_at: number
  must_change_password: boolean
}

export interface SessionUser extends User {
  expires_at: number
}

/** What the pages read of `/api/v1/system`. */
export interface SystemView {
  version: string
  uptime_s: number
  demo: boolean
  viewers: number
  connections: number
  streams: { batch: number; lag_ms: number }
}

export interface Page<T> {
  items: T[]
  next: string | null
}

/** RFC 9457. */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
}

export type DistrictLayer = 'outline' | 'subdistrict' | 'road' | 'water' | 'park' | 'facility'

export interface DistrictProperties {
  layer: DistrictLayer
  name: string
  [other: string]: unknown
}

export type District = FeatureCollection<Geometry, DistrictProperties> & {
  demo?: boolean
  note?: string
}
