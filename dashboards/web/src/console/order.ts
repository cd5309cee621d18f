/**
 * In which order the operator reads alarms: what needs an act first, then priority, then first-out: within one rank the
 * alarm that came first stands first, because it is the likely cause of those that followed.
 */
import { ORDER_STATES } from '@/api/dispatch'
import type { Alarm, AlarmState, Order } from '@/api/types'

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

/** Those to dispatch first, then priority, then the one that waits longest. */
export function compareOrders(a: Order, b: Order): number {
  if (a.state !== b.state) {
    const waiting = Number(b.state === 'filed') - Number(a.state === 'filed')
    if (waiting !== 0) return waiting
  }
  if (a.priority !== b.priority) return a.priority < b.priority ? -1 : 1
  if (a.state !== b.state) return ORDER_STATES.indexOf(a.state) - ORDER_STATES.indexOf(b.state)
  if (a.created_at !== b.created_at) return a.created_at - b.created_at
  return a.id < b.id ? -1 : 1
}
