/** Which order the dispatcher looks at next. Pure. */
import type { Order } from '@/api/dispatch'
import { compareQueue } from './clocks'

/**
 * The order of that alarm while it waits; else the most pressing waiting order, the one after `current` where that is
 * looked at already.
 */
export function nextOrder(orders: Iterable<Order>, alarm: string | null, current: string | null, now: number): Order | undefined {
  const waiting = [...orders].filter((one) => one.state === 'filed').sort(compareQueue(now))
  const own = alarm === null ? undefined : waiting.find((one) => one.alarm === alarm)
  if (own !== undefined) return own
  const at = waiting.findIndex((one) => one.id === current)
  return waiting[at + 1] ?? waiting[0]
}
