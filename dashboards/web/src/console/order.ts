/**
 * In which order the operator reads alarms: what needs an act first, then priority, then first-out: within one rank the
 * alarm that came first stands first, because it is the likely cause of those that followed.
 */
import type { Alarm, AlarmState, Order, OrderState } from '@/api/types'

const RANK: Record<AlarmState, number> = {
  unacknowledged: 0,
  latched_unacknowledged: 0,
  returned_unacknowledged: 1,
  acknowledged: 2,
  latched_acknowledged: 2,
  shelved: 3,
  suppressed_by_design: 4,
  out_of_service: 5,
  normal: 6,
}

export function compareAlarms(a: Alarm, b: Alarm): number {
  if (a.state !== b.state) {
    const by = RANK[a.state] - RANK[b.state]
    if (by !== 0) return by
  }
  if (a.priority !== b.priority) return a.priority < b.priority ? -1 : 1
  if (a.raised_at !== b.raised_at) return a.raised_at - b.raised_at
  return a.first_position - b.first_position
}

const WAITS: Record<OrderState, number> = {
  unassigned: 0,
  dispatched: 1,
  accepted: 2,
  in_progress: 3,
  finished: 4,
  closed: 5,
  cancelled: 6,
}

/** Unassigned first, then priority, then the one that waits longest. */
export function compareOrders(a: Order, b: Order): number {
  if (a.state !== b.state) {
    const unassigned = Number(b.state === 'unassigned') - Number(a.state === 'unassigned')
    if (unassigned !== 0) return unassigned
  }
  if (a.priority !== b.priority) return a.priority < b.priority ? -1 : 1
  if (a.state !== b.state) return WAITS[a.state] - WAITS[b.state]
  if (a.created_at !== b.created_at) return a.created_at - b.created_at
  return a.id < b.id ? -1 : 1
}
