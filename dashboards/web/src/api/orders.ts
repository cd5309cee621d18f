/** The calls of dispatch: what is asked and what comes back. `client.ts` joins them to the others. */
import type {
  Attachment,
  Candidate,
  CaseForm,
  CodeEntry,
  DispatchRules,
  Duplicate,
  Order,
  OrderDetail,
  OrderEntry,
  OrderEvent,
  Plan,
  StaffView,
} from './dispatch'
import type { components } from './schema'
import type { Alarm, Page } from './types'

interface ById {
  path: { id: string }
}

/** Which orders; lists are words joined by commas. */
export interface OrderFilter {
  state?: string
  priority?: string
  source?: string
  assignee?: string
  team?: string
  kind?: string
  sub_district?: string
  q?: string
  overdue?: boolean
  late_first?: boolean
  created_from?: number
  created_to?: number
  cursor?: string
  limit?: number
}

/** One order with all that belongs to it. */
export type OrderThread = Omit<OrderDetail, 'alarm' | 'entries' | 'children' | 'duplicates'> & {
  alarm: Alarm | null
  entries: OrderEntry[]
  children: Order[]
  duplicates: number
}

export type RulesAnswer = Omit<components['schemas']['DispatchRulesAnswer'], 'rules'> & { rules: DispatchRules }
export type BulkOutcome = components['schemas']['ActAnswer']

/** Figures of a period; shares are 0 to 1, absent where there is nothing to divide by. */
export type OrderFigures = Record<
  | 'reported' | 'filed' | 'dispatched' | 'dispatched_right' | 'due' | 'handled' | 'handled_in_time' | 'handled_late'
  | 'overdue' | 'close_due' | 'closed' | 'closed_in_time' | 'checked' | 'reworked',
  number
> &
  Record<'filed_share' | 'dispatched_right_share' | 'handled_in_time_share' | 'closed_in_time_share' | 'reworked_share' | 'handling_hours', number | null>

export interface OrderStatistics {
  from: number
  to: number
  total: OrderFigures
  rows: { key: string; label: string; figures: OrderFigures }[]
  complete: boolean
}

/** What statistics count by. */
export const STAT_GROUPS = ['team', 'kind', 'sub_district', 'assignee', 'source', 'day'] as const
export type StatGroup = (typeof STAT_GROUPS)[number]

export interface DispatchReads {
  '/api/v1/orders': { answer: Page<Order>; query: OrderFilter }
  '/api/v1/orders/{id}': { answer: OrderThread; query: object } & ById
  '/api/v1/orders/{id}/acts/allowed': { answer: string[]; query: object } & ById
  '/api/v1/orders/{id}/candidates': { answer: Candidate[]; query: object } & ById
  '/api/v1/orders/{id}/duplicates': { answer: Duplicate[]; query: object } & ById
  '/api/v1/orders/statistics': { answer: OrderStatistics; query: { from: number; to: number; by?: StatGroup } }
  '/api/v1/staff': { answer: StaffView[]; query: object }
  '/api/v1/dispatch/rules': { answer: RulesAnswer; query: object }
  '/api/v1/dispatch/rules/versions': { answer: Page<RulesAnswer>; query: { limit?: number; cursor?: string } }
  '/api/v1/dispatch/codes': { answer: CodeEntry[]; query: { q?: string; scheme?: string; category?: string } }
}

export interface DispatchWrites {
  'POST /api/v1/orders': { body: { request_id: string; form: CaseForm; file?: boolean; at?: number }; answer: Order }
  'POST /api/v1/orders/{id}/acts': {
    body: { request_id: string; event: OrderEvent; done_at?: number; version?: number }
    answer: Order
  } & ById
  'POST /api/v1/orders/acts': { body: { request_id: string; orders: string[]; event: OrderEvent }; answer: BulkOutcome[] }
  'POST /api/v1/orders/plan': { body: { orders?: string[] }; answer: Plan }
  'PUT /api/v1/dispatch/rules': { body: DispatchRules; answer: RulesAnswer }
}

/** Where the picture of an attachment is. */
export function fileUrl(attachment: Attachment, part: 'thumb' | 'whole' | 'original' = 'whole'): string {
  const path = `/api/v1/files/${encodeURIComponent(attachment.file)}`
  if (part === 'thumb') return `${path}/thumb`
  return part === 'original' ? `${path}?original=1` : path
}
