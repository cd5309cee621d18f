/** The phone's formatter: times of the district, ages, distances. Functions of their arguments and the language. */
import { t } from './words'

const ZONE = 'Asia/Shanghai'
const minute = new Intl.DateTimeFormat('en-GB', { timeZone: ZONE, hour: '2-digit', minute: '2-digit' })
const second = new Intl.DateTimeFormat('en-GB', { timeZone: ZONE, hour: '2-digit', minute: '2-digit', second: '2-digit' })
const day = new Intl.DateTimeFormat('sv-SE', { timeZone: ZONE, year: 'numeric', month: '2-digit', day: '2-digit' })

export const dayText = (ms: number): string => day.format(ms)
export const stampText = (ms: number): string => `${day.format(ms)} ${second.format(ms)}`

/** Time alone on the same day, month and day before it otherwise. */
export function momentText(ms: number | null | undefined, now: number): string {
  if (ms === null || ms === undefined) return '—'
  const at = day.format(ms)
  return at === day.format(now) ? minute.format(ms) : `${at.slice(5)} ${minute.format(ms)}`
}

export function dayStart(ms: number): number {
  return Date.parse(`${day.format(ms)}T00:00:00+08:00`)
}

/** Coarse: two units at most. */
export function spanText(ms: number): string {
  const s = Math.max(0, Math.floor(Math.abs(ms) / 1000))
  if (s < 60) return t('time.second', { n: s })
  const m = Math.floor(s / 60)
  if (m < 60) return t('time.minute', { n: m })
  const h = Math.floor(m / 60)
  if (h < 48) return m % 60 === 0 ? t('time.hour', { n: h }) : `${t('time.hour', { n: h })} ${t('time.minute', { n: m % 60 })}`
  return t('time.day', { n: Math.floor(h / 24) })
}

/** A countdown that ticks: `mm:ss` below an hour, words above. */
export function countdownText(ms: number): string {
  const s = Math.floor(Math.abs(ms) / 1000)
  if (s >= 3_600) return spanText(ms)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${two(Math.floor(s / 60))}:${two(s % 60)}`
}

export function distanceText(m: number): string {
  if (m < 950) return t('metre', { n: Math.max(10, Math.round(m / 10) * 10) })
  return t('kilometre', { n: m < 9_950 ? (m / 1000).toFixed(1) : Math.round(m / 1000) })
}
