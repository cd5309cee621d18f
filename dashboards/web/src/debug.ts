/** A read-only window for browser tests: what the page knows and where it draws it. */
import * as hub from './live/hub'
import type { Stage } from './map/stage'

interface Debug {
  units: () => Record<string, { lon: number; lat: number; x: number; y: number }>
  cursor: () => hub.Held
  fps: () => number
  renderer: () => string
}

declare global {
  interface Window {
    readonly __greenhub?: Debug
  }
}

let stage: Stage | null = null

export function showStage(next: Stage | null): void {
  stage = next
}

/** Last fix of every unit, and the CSS pixels in the map where it is drawn now (NaN where no map is open). */
function units(): Record<string, { lon: number; lat: number; x: number; y: number }> {
  const all: Record<string, { lon: number; lat: number; x: number; y: number }> = {}
  for (const unit of hub.picture.units.values()) {
    if (unit.lon === null || unit.lat === null) continue
    const drawn = stage?.placeOf(unit.id)
    all[unit.id] = { lon: unit.lon, lat: unit.lat, x: drawn?.x ?? NaN, y: drawn?.y ?? NaN }
  }
  return all
}

Object.defineProperty(window, '__greenhub', {
  value: Object.freeze({
    units,
    cursor: () => hub.cursor(),
    fps: () => stage?.fps() ?? 0,
    renderer: () => stage?.kind ?? 'none',
  } satisfies Debug),
})
