/** Where the person is: one watch of the position for the whole app, and the last fix kept for when there is none. */
import { shallowRef } from 'vue'
import type { Fix } from './api'

const KEPT = 'greenhub.phone.fix'

function last(): Fix | null {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? 'null') as Fix | null
  } catch {
    return null
  }
}

export const fix = shallowRef<Fix | null>(last())
export const trouble = shallowRef<'none' | 'denied' | 'unavailable'>('none')

type Reader = (fix: Fix) => void
const readers = new Set<Reader>()
let watching: number | null = null

export function fixOf(position: GeolocationPosition): Fix {
  const { longitude, latitude, accuracy, speed, heading } = position.coords
  const good = (n: number | null) => n !== null && Number.isFinite(n) && n >= 0
  return {
    time: Math.round(position.timestamp),
    lon: longitude,
    lat: latitude,
    accuracy_m: Math.round(accuracy),
    ...(good(speed) ? { speed_kmh: Math.round((speed ?? 0) * 36) / 10 } : {}),
    ...(good(heading) ? { heading_deg: Math.round(heading ?? 0) % 360 } : {}),
  }
}

function take(position: GeolocationPosition): void {
  const next = fixOf(position)
  fix.value = next
  trouble.value = 'none'
  localStorage.setItem(KEPT, JSON.stringify(next))
  for (const reader of readers) reader(next)
}

/** Watches from here on, while the app is open; asking twice is asking once. */
export function watchPlace(): void {
  if (watching !== null || navigator.geolocation === undefined) return
  watching = navigator.geolocation.watchPosition(take, refuse, { enableHighAccuracy: true, maximumAge: 10_000, timeout: 30_000 })
}

function refuse(error: GeolocationPositionError): void {
  trouble.value = error.code === error.PERMISSION_DENIED ? 'denied' : 'unavailable'
}

export function onFix(reader: Reader): () => void {
  readers.add(reader)
  return () => readers.delete(reader)
}

/** A fix not older than `ageMs`, or the best there is after `patienceMs`. */
export function freshFix(ageMs: number, patienceMs: number, now: number): Promise<Fix | null> {
  if (fix.value !== null && now - fix.value.time < ageMs) return Promise.resolve(fix.value)
  return new Promise((done) => {
    const end = window.setTimeout(() => done(fix.value), patienceMs)
    navigator.geolocation?.getCurrentPosition(
      (position) => {
        window.clearTimeout(end)
        take(position)
        done(fix.value)
      },
      () => undefined,
      { enableHighAccuracy: true, timeout: patienceMs },
    )
  })
}
