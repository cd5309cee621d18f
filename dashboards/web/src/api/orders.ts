/** The calls of dispatch, by name only: what is asked and what comes back is the document's. `client.ts` joins them to the others. */
import type { Attachment, OrderDetail } from './dispatch'
import type { ReadOf, Schemas, Whole, WriteOf } from './document'
import type { Alarm } from './types'

/** One order with all that belongs to it; an alarm leaves out `folded_under` where nothing explains it. */
export type OrderThread = Omit<OrderDetail, 'alarm'> & { alarm: Alarm | null }
/** Figures of a period; shares are 0 to 1, null where there is nothing to divide by. */
export type OrderFigures = Whole<Schemas['OrderFigures']>

/** What statistics count by. */
export type StatGroup = Schemas['StatisticsBy']
export const STAT_GROUPS: readonly StatGroup[] = ['team', 'kind', 'sub_district', 'assignee', 'source', 'day']

export type DispatchReads = {
  [P in
    | '/api/v1/orders'
    | '/api/v1/orders/{id}'
    | '/api/v1/orders/{id}/acts/allowed'
    | '/api/v1/orders/{id}/candidates'
    | '/api/v1/orders/{id}/duplicates'
    | '/api/v1/orders/statistics'
    | '/api/v1/staff'
    | '/api/v1/dispatch/rules'
    | '/api/v1/dispatch/rules/versions'
    | '/api/v1/dispatch/codes']: ReadOf<P>
}

export type DispatchWrites = {
  [K in
    | 'POST /api/v1/orders'
    | 'POST /api/v1/orders/{id}/acts'
    | 'POST /api/v1/orders/acts'
    | 'POST /api/v1/orders/plan'
    | 'POST /api/v1/files'
    | 'PUT /api/v1/dispatch/rules']: WriteOf<K>
}

/** Where the picture of an attachment is. */
export function fileUrl(attachment: Attachment, part: 'thumb' | 'whole' | 'original' = 'whole'): string {
  const path = `/api/v1/files/${encodeURIComponent(attachment.file)}`
  if (part === 'thumb') return `${path}/thumb`
  return part === 'original' ? `${path}?original=1` : path
}
