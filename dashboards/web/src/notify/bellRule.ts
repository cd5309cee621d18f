/** What the bell makes of notices: the pure part of `bell.ts`. */
import type { Notification } from '@/api/report'
import type { Alarm, Priority } from '@/api/types'
import { isUnacknowledged } from '@/live/troubles'

/** Notices that the panel keeps. */
export const KEPT_MAX = 100

/** Takes new ones in, once each, in their order; the oldest go. */
export function merged(known: readonly Notification[], fresh: readonly Notification[]): readonly Notification[] {
  if (fresh.length === 0) return known
  const all = new Map(known.map((one) => [one.seq, one]))
  for (const one of fresh) all.set(one.seq, one)
  return [...all.values()].sort((a, b) => a.seq - b.seq).slice(-KEPT_MAX)
}

/** Alarms of a notice that still wait for somebody. */
export function waiting(one: Notification, alarms: ReadonlyMap<string, Alarm>): string[] {
  return one.notice.alarms
    .map((told) => told.alarm)
    .filter((id) => {
      const alarm = alarms.get(id)
      return alarm !== undefined && isUnacknowledged(alarm)
    })
}

/** Whether a notice still asks for somebody: its alarms do, or it is no alarm and has not been read. */
export function calls(one: Notification, alarms: ReadonlyMap<string, Alarm>, read: number): boolean {
  if (one.notice.kind === 'resolved') return false
  if (one.notice.alarms.length > 0) return waiting(one, alarms).length > 0
  return one.seq > read
}

/** The sound of a notice that comes in; none when what it tells of is over or acknowledged already. */
export function soundOf(one: Notification, alarms: ReadonlyMap<string, Alarm>): Priority | null {
  const { kind, priority, push } = one.notice
  if (kind === 'resolved') return null
  if (kind === 'message' || kind === 'test') return push?.urgency === 'high' ? 'P2' : 'P3'
  const known = one.notice.alarms.some((told) => alarms.has(told.alarm))
  // An alarm that the picture does not hold (a past moment is open, the link is down) sounds: better once too often.
  return known && waiting(one, alarms).length === 0 ? null : (priority ?? 'P3')
}

/** Colour of the count: the worst that still asks for somebody among the unread. */
export function worst(list: readonly Notification[], alarms: ReadonlyMap<string, Alarm>, read: number): Priority | null {
  let found: Priority | null = null
  for (const one of list) {
    if (one.seq <= read || one.notice.priority === null || !calls(one, alarms, read)) continue
    if (found === null || one.notice.priority < found) found = one.notice.priority
  }
  return found
}

/** Where a click on a notice leads. */
export function pageOf(one: Notification): string | null {
  const url = one.notice.push?.url
  if (url?.startsWith('/') === true && !url.startsWith('//')) return url
  const first = one.notice.alarms[0]
  if (first !== undefined) return `/alarms?sel=${encodeURIComponent(first.alarm)}`
  return null
}
