/**
 * What the person sees of an order: what the hub last said, and on top of it what they have done since and the hub does
 * not know yet. Pure. A refused act is not on top of anything: it stands in the outbox until it was seen.
 */
import type { Order, OrderState } from './api'
import type { Row } from './outbox/rows'

const LEADS_TO: Record<string, OrderState> = {
  accept: 'accepted',
  resume: 'in_progress',
  arrive: 'in_progress',
  finish: 'finished',
}

export interface Shown {
  order: Order
  /** Acts on the way, in the order of doing. */
  waiting: string[]
  /** They gave it back: it is no longer theirs once that arrives. */
  leaving: boolean
}

export function project(order: Order, rows: readonly Row[]): Shown {
  const own = rows.filter((row) => row.order === order.id && row.state === 'waiting' && row.act !== null)
  let { state } = order
  for (const row of own) state = LEADS_TO[row.act ?? ''] ?? state
  return {
    order: state === order.state ? order : { ...order, state },
    waiting: own.map((row) => row.act ?? ''),
    leaving: own.some((row) => row.act === 'return'),
  }
}

/** The clock that presses now: the one of the stage that the person can end; late ones and running ones only. */
export function pressing(order: Order): Order['clocks'][number] | null {
  const wanted = order.state === 'dispatched' ? ['receive', 'handling'] : ['handling']
  for (const stage of wanted) {
    const clock = [...order.clocks].reverse().find((one) => one.stage === stage)
    if (clock !== undefined && (clock.state === 'running' || clock.state === 'paused')) return clock
  }
  return null
}

export type Group = 'waiting' | 'doing' | 'done'

export function groupOf(state: OrderState): Group {
  if (state === 'dispatched' || state === 'reported' || state === 'filed') return 'waiting'
  return state === 'finished' ? 'done' : 'doing'
}

/** What the person can do with it, most likely first; the hub has the last word. */
export function actsOf(state: OrderState, verifying: boolean): string[] {
  if (verifying) return ['verified']
  switch (state) {
    case 'dispatched':
      return ['accept', 'return', 'comment']
    case 'accepted':
      return ['arrive', 'return', 'delay', 'suspend', 'comment']
    case 'in_progress':
      return ['finish', 'delay', 'suspend', 'return', 'comment']
    case 'suspended':
      return ['resume', 'comment']
    case 'finished':
      return ['comment']
    default:
      return []
  }
}

export type SortBy = 'deadline' | 'distance'

/** By deadline (late ones first, then without a clock by age), or by distance (unknown places last). */
export function sorted<T extends { order: Order; distance: number | null }>(list: readonly T[], by: SortBy): T[] {
  const deadline = (one: T): number => {
    const clock = pressing(one.order)
    return clock === null ? Number.POSITIVE_INFINITY : clock.state === 'paused' ? Number.MAX_SAFE_INTEGER : clock.deadline
  }
  const far = (one: T): number => one.distance ?? Number.POSITIVE_INFINITY
  const compare = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1)
  return [...list].sort((a, b) => {
    const first = by === 'deadline' ? compare(deadline(a), deadline(b)) : compare(far(a), far(b))
    const second = by === 'deadline' ? compare(far(a), far(b)) : compare(deadline(a), deadline(b))
    return first || second || a.order.priority.localeCompare(b.order.priority) || compare(a.order.created_at, b.order.created_at)
  })
}
