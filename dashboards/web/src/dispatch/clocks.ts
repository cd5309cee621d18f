/**
 * The clocks of an order as the desk reads them: which one presses most, how much is left, and how warm a waiting order
 * has become. Pure; the hub's time comes in as an argument.
 */
import type { Order, OrderClock } from '@/api/dispatch'
import type { Priority } from '@/api/types'

export type Pressure = 'calm' | 'warn' | 'late' | 'paused' | 'done'

export interface ClockReading {
  clock: OrderClock
  /** Until the deadline, ms; below 0 it is over. */
  left: number
  /** Used share of the limit, 0 and more. */
  used: number
  pressure: Pressure
}

export function readClock(clock: OrderClock, now: number): ClockReading {
  const at = clock.state === 'paused' ? (clock.paused_at ?? now) : clock.state === 'running' ? now : (clock.ended_at ?? now)
  const left = clock.deadline - at
  const whole = Math.max(1, clock.deadline - clock.started_at)
  const used = Math.max(0, (at - clock.started_at) / whole)
  const pressure: Pressure =
    clock.state === 'paused'
      ? 'paused'
      : clock.state === 'done'
        ? 'done'
        : clock.state === 'done_late' || left < 0
          ? 'late'
          : now >= clock.warn_at
            ? 'warn'
            : 'calm'
  return { clock, left, used, pressure }
}

/** The newest clock of each stage, in the order they began. */
export function newestClocks(order: Order): OrderClock[] {
  const newest = new Map<string, OrderClock>()
  for (const clock of order.clocks) {
    newest.delete(clock.stage)
    newest.set(clock.stage, clock)
  }
  return [...newest.values()]
}

/** The running clock that ends first; a paused one where none runs. */
export function leadClock(order: Order, now: number): ClockReading | null {
  let lead: ClockReading | null = null
  for (const clock of order.clocks) {
    if (clock.state !== 'running' && clock.state !== 'paused') continue
    const reading = readClock(clock, now)
    const better =
      lead === null ||
      (lead.pressure === 'paused' && reading.pressure !== 'paused') ||
      (reading.pressure !== 'paused' && reading.left < lead.left)
    if (better) lead = reading
  }
  return lead
}

/** Whether any running clock is over. */
export function isLate(order: Order, now: number): boolean {
  return order.clocks.some((clock) => clock.state === 'running' && clock.deadline < now)
}

/** Minutes after which a waiting order of that priority warms up, where no clock says more. */
const WARMS_MIN: Record<Priority, readonly [number, number, number, number]> = {
  P1: [0.5, 2, 5, 10],
  P2: [5, 15, 30, 60],
  P3: [60, 180, 360, 720],
  P4: [480, 1_440, 2_880, 5_760],
}

export type Heat = 0 | 1 | 2 | 3 | 4

/**
 * How warm an order that waits for the desk is: 0 is grey. Age against its priority, and its clock against the limit;
 * the warmer of both holds. Only what waits for a person here warms up.
 */
export function heatOf(order: Order, now: number): Heat {
  if (order.state !== 'filed' && order.state !== 'reported') return 0
  const minutes = (now - order.created_at) / 60_000
  const byAge = WARMS_MIN[order.priority].filter((from) => minutes >= from).length
  const lead = leadClock(order, now)
  const byClock =
    lead === null || lead.pressure === 'paused'
      ? 0
      : lead.pressure === 'late'
        ? 4
        : lead.used >= 0.85
          ? 3
          : lead.pressure === 'warn'
            ? 2
            : lead.used >= 0.4
              ? 1
              : 0
  return Math.max(byAge, byClock) as Heat
}

/** Those that wait for dispatch: by priority, then the warmest, then the nearest deadline, then who waits longest. */
export function compareQueue(now: number): (a: Order, b: Order) => number {
  return (a, b) => {
    if (a.priority !== b.priority) return a.priority < b.priority ? -1 : 1
    const heat = heatOf(b, now) - heatOf(a, now)
    if (heat !== 0) return heat
    const left = (leadClock(a, now)?.left ?? Infinity) - (leadClock(b, now)?.left ?? Infinity)
    if (left !== 0 && !Number.isNaN(left)) return left
    return a.created_at - b.created_at || (a.id < b.id ? -1 : 1)
  }
}
