/**
 * What a mark looks like: a pure function of what the hub says. Grey is normal; saturated colour only says that
 * something is wrong, in the alarm's priority colour; the shape says what it is; hollow says that it is not heard.
 */
import type { DeviceClass, DeviceView, Priority, UnitView } from '@/api/types'
import { Flag, type Look } from './marks'

export type Skin = 'seat' | 'wall'

/** The layers of the tree that hold marks. */
export type MarkLayer = 'patrol' | 'vehicle' | 'plant' | 'charger' | 'environment' | 'circuit' | 'fixture'
export const MARK_LAYERS: readonly MarkLayer[] = [
  'patrol',
  'vehicle',
  'environment',
  'plant',
  'charger',
  'circuit',
  'fixture',
]

export const ICON: Record<MarkLayer, number> = {
  patrol: 0,
  vehicle: 1,
  plant: 2,
  charger: 3,
  environment: 4,
  circuit: 5,
  fixture: 6,
}

export const SIZE = { fixture: 0, charger: 1, device: 2, unit: 3 } as const

/** Worst standing alarm of a device. */
export interface Trouble {
  priority: Priority
  unacknowledged: boolean
  count: number
}

type Rgb = readonly [number, number, number]

export interface Palette {
  unit: Rgb
  device: Rgb
  lit: Rgb
  dark: Rgb
  border: Rgb
  glyph: Rgb
  selected: Rgb
  P1: Rgb
  P2: Rgb
  P3: Rgb
  P4: Rgb
}

export const PALETTES: Record<Skin, Palette> = {
  seat: {
    unit: [52, 66, 76],
    device: [104, 117, 126],
    lit: [138, 138, 112],
    dark: [150, 158, 164],
    border: [255, 255, 255],
    glyph: [255, 255, 255],
    selected: [11, 111, 184],
    P1: [201, 32, 44],
    P2: [221, 107, 0],
    P3: [217, 168, 0],
    P4: [90, 111, 176],
  },
  wall: {
    unit: [196, 210, 219],
    device: [122, 141, 153],
    lit: [206, 200, 158],
    dark: [70, 84, 94],
    border: [11, 17, 21],
    glyph: [16, 24, 30],
    selected: [143, 208, 247],
    P1: [255, 75, 85],
    P2: [255, 148, 48],
    P3: [242, 197, 49],
    P4: [143, 162, 234],
  },
}

/** A fix older than this is not where the unit is, whatever the hub's presence says. */
export const STALE_MS = 60_000

export function layerOf(klass: DeviceClass, kind: string): MarkLayer {
  if (klass === 'light') return kind === 'circuit' ? 'circuit' : 'fixture'
  return klass
}

function troubled(look: Look, trouble: Trouble | undefined, palette: Palette): Look {
  if (trouble === undefined) return look
  const rgb = palette[trouble.priority]
  return {
    ...look,
    rgba: [rgb[0], rgb[1], rgb[2], 255],
    flags: (look.flags & ~Flag.faded) | Flag.emphasis | (trouble.unacknowledged ? Flag.blink : 0),
  }
}

export function unitLook(unit: UnitView, ageMs: number, trouble: Trouble | undefined, palette: Palette): Look {
  let flags = 0
  if (unit.heading_deg !== null && (unit.speed_kmh ?? 0) > 0.5) flags |= Flag.heading
  if (unit.state === 'offline') flags |= Flag.hollow
  else if (unit.state === 'silent' || ageMs > STALE_MS) flags |= Flag.faded
  const rgb = palette.unit
  const look: Look = {
    icon: unit.class === 'vehicle' ? ICON.vehicle : ICON.patrol,
    size: SIZE.unit,
    flags,
    heading_deg: unit.heading_deg,
    rgba: [rgb[0], rgb[1], rgb[2], 255],
  }
  if (!unit.sos) return troubled(look, trouble, palette)
  const red = palette.P1
  return {
    ...look,
    rgba: [red[0], red[1], red[2], 255],
    flags: (flags & ~(Flag.faded | Flag.hollow)) | Flag.sos | Flag.emphasis,
  }
}

export function deviceLook(device: DeviceView, trouble: Trouble | undefined, palette: Palette): Look {
  const layer = layerOf(device.class, device.kind)
  const isDark = device.class === 'light' && device.on === false
  const rgb = layer === 'fixture' ? (isDark ? palette.dark : palette.lit) : palette.device
  let flags = 0
  if (device.state === 'offline' || isDark) flags |= Flag.hollow
  else if (device.state === 'silent') flags |= Flag.faded
  const size = layer === 'fixture' ? SIZE.fixture : layer === 'charger' ? SIZE.charger : SIZE.device
  return troubled({ icon: ICON[layer], size, flags, heading_deg: null, rgba: [rgb[0], rgb[1], rgb[2], 255] }, trouble, palette)
}

/** Radius in CSS pixels of the size classes at a zoom; linear between the stops. */
const STOPS: readonly (readonly [zoom: number, fixture: number, charger: number, device: number, unit: number])[] = [
  [10, 1.1, 1.8, 3.2, 4.5],
  [12, 1.5, 2.6, 5.5, 7],
  [14, 2.3, 5, 8, 9.5],
  [16, 4.2, 8, 10, 11.5],
  [18, 7.5, 10, 12, 13],
]

/** Up to this many units are drawn at full size however small the scale; more of them would only cover each other. */
const CROWD = 600

export function radii(zoom: number, skin: Skin, units = 0): [number, number, number, number] {
  const grow = skin === 'wall' ? 1.12 : 1
  const crowded = Math.min(1, Math.max(0.4, Math.sqrt(CROWD / Math.max(1, units))))
  // Zoomed in, only a few of them are on the screen.
  const near = Math.min(1, Math.max(0, (zoom - 13.5) / 2))
  const shrink = crowded + (1 - crowded) * near
  let low = STOPS[0]!
  let high = STOPS[STOPS.length - 1]!
  for (let i = 0; i + 1 < STOPS.length; i += 1) {
    if (zoom >= STOPS[i]![0] && zoom <= STOPS[i + 1]![0]) {
      low = STOPS[i]!
      high = STOPS[i + 1]!
    }
  }
  if (zoom < STOPS[0]![0]) high = low
  if (zoom > STOPS[STOPS.length - 1]![0]) low = high
  const span = high[0] - low[0]
  const u = span === 0 ? 0 : (zoom - low[0]) / span
  const at = (i: 1 | 2 | 3 | 4) => (low[i] + (high[i] - low[i]) * u) * grow
  return [at(1), at(2), at(3), at(4) * shrink]
}
