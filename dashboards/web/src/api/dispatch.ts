/** The vocabulary of dispatch, taken as it is from the server's own document: nothing here is written twice. */
import type { Schemas, Whole } from './document'

export type OrderState = Schemas['OrderState']
export type OrderSource = Schemas['OrderSource']
export type Stage = Schemas['Stage']
export type ClockState = Schemas['ClockState']
export type LimitKind = Schemas['LimitKind']
export type AttachmentRole = Schemas['AttachmentRole']
export type CaseCategory = Schemas['CaseCategory']
export type CaseKind = Schemas['CaseKind']
export type DutyState = Schemas['DutyState']
export type Order = Whole<Schemas['Order']>
export type OrderClock = Whole<Schemas['Clock']>
export type OrderDetail = Whole<Schemas['OrderDetail']>
export type OrderEntry = Whole<Schemas['OrderEntry']>
export type PendingWish = NonNullable<Order['pending']>
export type Attachment = Schemas['Attachment']
export type Assignee = Schemas['Assignee']
export type OrderEvent = Schemas['OrderEvent']
export type ActName = OrderEvent['act']
export type SiteFinding = Schemas['SiteFinding']
export type Wish = Schemas['Wish']
export type CaseForm = Schemas['CaseForm']
export type CasePatch = Schemas['CasePatch']
export type SplitPart = Schemas['SplitPart']
export type DispatchRules = Schemas['DispatchRules']
export type LimitLine = Schemas['LimitLine']
export type Team = Schemas['Team']
export type StaffMember = Schemas['StaffMember']
export type Duty = Schemas['Duty']
export type ReviewRule = Schemas['ReviewRule']
export type NoticeStep = Schemas['NoticeStep']
export type CodeEntry = Schemas['CodeEntry']
export type StaffView = Whole<Schemas['StaffView']>
export type Candidate = Whole<Schemas['Candidate']>
export type Ground = Schemas['Ground']
export type Plan = Whole<Schemas['Plan']>
export type PlanLine = Whole<Schemas['PlanLine']>
export type Duplicate = Whole<Schemas['Duplicate']>

/** States in the order of the life cycle; the first seven are open. */
export const ORDER_STATES: readonly OrderState[] = [
  'reported',
  'filed',
  'dispatched',
  'accepted',
  'in_progress',
  'suspended',
  'finished',
  'closed',
  'rejected',
  'merged',
  'split',
  'cancelled',
]
export const OPEN_STATES = ORDER_STATES.slice(0, 7)
export const ORDER_SOURCES: readonly OrderSource[] = [
  'alarm',
  'patrol',
  'citizen',
  'hotline',
  'department',
  'city_platform',
  'desk',
]
export const STAGES: readonly Stage[] = ['acceptance', 'dispatch', 'receive', 'handling', 'check', 'outer']
export const LIMIT_KINDS: readonly LimitKind[] = ['urgent_hour', 'work_hour', 'work_day', 'natural_day']
/** In the order of the status board. */
export const DUTY_STATES: readonly DutyState[] = ['ready', 'underway', 'on_site', 'offline', 'off_shift']
