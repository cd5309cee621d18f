/** Stretches of time that reports are about. Pure; `from` is included, `to` is not. */
import { dayStart } from '@/format'

export type PeriodName = 'shift' | 'today' | 'yesterday' | 'week' | 'month'
export const PERIODS: readonly PeriodName[] = ['shift', 'today', 'yesterday', 'week', 'month']

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** Shifts begin at these hours of the district's day. */
const SHIFT_HOURS = [0, 8, 16] as const

export interface Span {
  from: number
  to: number
}

/** The shift that holds `now`, or one so many before it. */
export function shiftAt(now: number, back = 0): Span {
  const day = dayStart(now)
  const hours = (now - day) / HOUR
  let index = 0
  SHIFT_HOURS.forEach((begin, i) => {
    if (hours >= begin) index = i
  })
  // Days of the district are all 24 hours long: it has no summer time.
  const from = day + SHIFT_HOURS[index]! * HOUR - back * 8 * HOUR
  return { from, to: from + 8 * HOUR }
}

/** The stretch of that name, ending at `now` where it is not over yet. */
export function periodOf(name: PeriodName, now: number): Span {
  const day = dayStart(now)
  switch (name) {
    case 'shift':
      return { from: shiftAt(now).from, to: now }
    case 'today':
      return { from: day, to: now }
    case 'yesterday':
      return { from: day - DAY, to: day }
    case 'week':
      return { from: day - 6 * DAY, to: now }
    case 'month':
      return { from: day - 29 * DAY, to: now }
  }
}
