/**
 * The one place that turns numbers into words and signs: units, ages, times, counts. Everything is a function of its
 * arguments (and of the chosen language); nobody here asks what time it is.
 */
import type { Alarm, Reject } from './api/types'
import { i18n, t, type WordKey } from './i18n'

/** Signs of UCUM codes as people read them; the same table as `model::units`. */
export function unitSign(code: string): string {
  if (code === 'Cel') return '°C'
  if (code === '1' || code === '') return ''
  return code.replace(/m3/g, 'm³').replace(/ug\//g, 'µg/').replace(/^deg$/, '°').replace(/^\{(.*)\}$/, '$1')
}

/** A measured value: three significant digits, never more decimals than help. */
export function valueText(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '—'
  const size = Math.abs(value)
  const decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.995 ? 2 : size === 0 ? 0 : 3
  return value.toFixed(decimals)
}

export function withUnit(value: number | null | undefined, code: string): string {
  const sign = unitSign(code)
  const text = valueText(value)
  if (text === '—' || sign === '') return text
  return sign === '%' || sign === '°' ? `${text}${sign}` : `${text} ${sign}`
}

/** A limit as somebody set it: no digits that were not meant. */
export function limitText(value: number): string {
  return String(Number(value.toPrecision(4)))
}

/** Speed, battery and the like: whole numbers from ten on, one decimal below. */
export function roughText(value: number | null | undefined, code: string): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '—'
  const text = Math.abs(value) >= 10 ? value.toFixed(0) : value.toFixed(1)
  const sign = unitSign(code)
  return sign === '%' || sign === '' ? `${text}${sign}` : `${text} ${sign}`
}

export function countText(n: number): string {
  return n.toLocaleString('en-US').replace(/,/g, ' ')
}

/** Coarse age in one unit, two for hours and days: `8 秒`, `3 分`, `2 时 05 分`. */
export function ageText(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  if (s < 60) return t('time.second', { n: s })
  const m = Math.floor(s / 60)
  if (m < 60) return t('time.minute', { n: m })
  const h = Math.floor(m / 60)
  if (h < 24) {
    const rest = m % 60
    return rest === 0 ? t('time.hour', { n: h }) : `${t('time.hour', { n: h })} ${t('time.minute', { n: rest })}`
  }
  return t('time.day', { n: Math.floor(h / 24) })
}

/** `mm:ss` or `h:mm:ss`, for columns that must not dance. */
export function clockAge(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  const two = (n: number) => String(n).padStart(2, '0')
  const h = Math.floor(s / 3600)
  if (h >= 24) return t('time.day', { n: Math.floor(h / 24) })
  return h > 0 ? `${h}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${two(Math.floor(s / 60))}:${two(s % 60)}`
}

export function delayText(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

const ZONE = 'Asia/Shanghai'
const clock = new Intl.DateTimeFormat('en-GB', { timeZone: ZONE, hour: '2-digit', minute: '2-digit', second: '2-digit' })
const shortClock = new Intl.DateTimeFormat('en-GB', { timeZone: ZONE, hour: '2-digit', minute: '2-digit' })
const date = new Intl.DateTimeFormat('sv-SE', { timeZone: ZONE, year: 'numeric', month: '2-digit', day: '2-digit' })

export function timeText(ms: number): string {
  return clock.format(ms)
}

export function minuteText(ms: number): string {
  return shortClock.format(ms)
}

export function dateText(ms: number): string {
  return date.format(ms)
}

/** Time alone on the same day, with month and day before it otherwise. */
export function momentText(ms: number | null | undefined, nowMs: number): string {
  if (ms === null || ms === undefined) return '—'
  const day = date.format(ms)
  return day === date.format(nowMs) ? clock.format(ms) : `${day.slice(5)} ${clock.format(ms)}`
}

export function weekdayText(ms: number): string {
  return new Intl.DateTimeFormat(i18n.global.locale.value, { timeZone: ZONE, weekday: 'long' }).format(ms)
}

/** Midnight of the district's day. */
export function dayStart(ms: number): number {
  return Date.parse(`${date.format(ms)}T00:00:00+08:00`)
}

const POINTS = ['n', 'ne', 'e', 'se', 's', 'sw', 'w', 'nw'] as const

export function headingText(deg: number | null): string {
  if (deg === null) return '—'
  const point = POINTS[Math.round((((deg % 360) + 360) % 360) / 45) % 8] ?? 'n'
  return `${t(`compass.${point}`)} ${Math.round(deg)}°`
}

export function placeText(lon: number | null, lat: number | null): string {
  return lon === null || lat === null ? '—' : `${lon.toFixed(5)}, ${lat.toFixed(5)}`
}

export function alarmValue(alarm: Alarm): string {
  return alarm.value === null ? '' : withUnit(alarm.value, alarm.unit)
}

const CLASS_WORDS = new Set(['patrol', 'vehicle', 'plant', 'charger', 'environment', 'light'])

function classWord(word: string | number | undefined): string {
  return typeof word === 'string' && CLASS_WORDS.has(word) ? t(`klass.${word}` as WordKey) : String(word ?? '')
}

/** Why a message could not be used, as a sentence. An unknown reason shows its code and facts. */
export function rejectText(reject: Reject): string {
  const { reason, ...facts } = reject
  const key = `rejectDetail.${reason}` as WordKey
  if (!i18n.global.te(key)) return `${reason} ${JSON.stringify(facts)}`
  const shown: Record<string, string | number> = { ...facts }
  if (reason === 'class_mismatch') {
    shown.registered = classWord(facts.registered)
    shown.topic = classWord(facts.topic)
  }
  if (typeof facts.by_ms === 'number') shown.age = ageText(facts.by_ms)
  return t(key, shown)
}

export function knowsReject(code: string): boolean {
  return i18n.global.te(`rejectDetail.${code}`)
}

/** The short name of a reason; the code itself where we do not know it. */
export function rejectName(code: string): string {
  const key = `reject.${code}` as WordKey
  return i18n.global.te(key) ? t(key) : code
}
