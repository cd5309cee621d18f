/**
 * The marks of one buffer: typed arrays in the very layout the graphics card reads, one slot an id.
 *
 * ```text
 * 36 bytes a mark   0 x  4 y | 8 vx 12 vy | 16 ex 20 ey | 24 t0 | 28 r g b a | 32 icon size flags heading
 * ```
 *
 * Place at time t (the same formula in the vertex shader and in `placeAt`):
 * `p + v · clamp(t − t0, 0, REACH) + e · (1 − smoothstep(0, BLEND, t − t0))`. `v` is the fix's own speed and heading,
 * `e` the difference between where the mark was drawn and where the new fix says it is: a new fix is taken up within
 * `BLEND` seconds instead of by a jump, and nobody is carried on for more than `REACH` seconds without a new fix.
 */
import { mercatorX, mercatorY, perMetre, type Origin } from './mercator'

export const STRIDE = 36
const WORDS = STRIDE / 4

/** Seconds a mark is carried on by its own speed. */
export const REACH = 2
/** Seconds in which a new fix is taken up. */
export const BLEND = 0.3
/** Farther than this many metres is a jump and is drawn as one. */
export const JUMP_METRES = 400

export const Flag = {
  heading: 1,
  sos: 2,
  hollow: 4,
  faded: 8,
  selected: 16,
  blink: 32,
  hidden: 64,
  emphasis: 128,
} as const

export interface Look {
  icon: number
  size: number
  flags: number
  heading_deg: number | null
  rgba: readonly [number, number, number, number]
}

export class Marks {
  readonly slotOf = new Map<string, number>()
  readonly ids: (string | null)[] = []
  /** One past the highest slot in use. */
  count = 0
  /** Some mark of this buffer shows a heading. */
  headed = false
  /** Some mark of this buffer stands out. */
  loud = false
  /** Something changed since the last upload. */
  dirty = true
  bytes: Uint8Array
  floats: Float32Array
  private free: number[] = []
  private readonly origin: Origin

  constructor(origin: Origin, capacity = 256) {
    this.origin = origin
    const buffer = new ArrayBuffer(capacity * STRIDE)
    this.bytes = new Uint8Array(buffer)
    this.floats = new Float32Array(buffer)
  }

  /** Newest place and motion of an id. `at` is the page's time in seconds. */
  place(id: string, lon: number, lat: number, speed_kmh: number | null, heading_deg: number | null, at: number): number {
    const x = mercatorX(lon) - this.origin.x
    const y = mercatorY(lat) - this.origin.y
    const known = this.slotOf.get(id)
    const slot = known ?? this.take(id)
    const f = this.floats
    const o = slot * WORDS
    let ex = 0
    let ey = 0
    const scale = perMetre(lat)
    if (known !== undefined) {
      const shown = this.placeAt(slot, at)
      ex = shown.x - x
      ey = shown.y - y
      if (Math.hypot(ex, ey) > JUMP_METRES * scale) ex = ey = 0
    }
    const metres = speed_kmh !== null && heading_deg !== null ? speed_kmh / 3.6 : 0
    const angle = ((heading_deg ?? 0) * Math.PI) / 180
    f[o] = x
    f[o + 1] = y
    f[o + 2] = Math.sin(angle) * metres * scale
    f[o + 3] = -Math.cos(angle) * metres * scale
    f[o + 4] = ex
    f[o + 5] = ey
    f[o + 6] = at
    this.dirty = true
    return slot
  }

  /** How it looks; returns whether anything differs from before. */
  dress(slot: number, look: Look): boolean {
    const b = this.bytes
    const o = slot * STRIDE + 28
    const heading = look.heading_deg === null ? 0 : Math.round((look.heading_deg * 256) / 360) & 255
    const next = [look.rgba[0], look.rgba[1], look.rgba[2], look.rgba[3], look.icon, look.size, look.flags, heading]
    let changed = false
    for (let i = 0; i < 8; i += 1) {
      const value = next[i] ?? 0
      if (b[o + i] !== value) {
        b[o + i] = value
        changed = true
      }
    }
    if ((look.flags & Flag.heading) !== 0) this.headed = true
    if ((look.flags & (Flag.emphasis | Flag.selected)) !== 0) this.loud = true
    if (changed) this.dirty = true
    return changed
  }

  flagsOf(slot: number): number {
    return this.bytes[slot * STRIDE + 34] ?? 0
  }

  sizeOf(slot: number): number {
    return this.bytes[slot * STRIDE + 33] ?? 0
  }

  /** How fast the mark moves by itself at that time, in mercator units per second. */
  speedAt(slot: number, at: number): number {
    const f = this.floats
    const o = slot * WORDS
    const since = at - (f[o + 6] ?? 0)
    const carried = since < REACH ? Math.hypot(f[o + 2] ?? 0, f[o + 3] ?? 0) : 0
    // The blend is fastest half way: 1.5 times the mean.
    const blended = since < BLEND ? (1.5 * Math.hypot(f[o + 4] ?? 0, f[o + 5] ?? 0)) / BLEND : 0
    return carried + blended
  }

  /** Where the mark is drawn at that time, relative to the origin. */
  placeAt(slot: number, at: number): { x: number; y: number } {
    const f = this.floats
    const o = slot * WORDS
    const since = Math.max(0, at - (f[o + 6] ?? 0))
    const carried = Math.min(since, REACH)
    const u = Math.min(1, since / BLEND)
    const left = 1 - u * u * (3 - 2 * u)
    return {
      x: (f[o] ?? 0) + (f[o + 2] ?? 0) * carried + (f[o + 4] ?? 0) * left,
      y: (f[o + 1] ?? 0) + (f[o + 3] ?? 0) * carried + (f[o + 5] ?? 0) * left,
    }
  }

  remove(id: string): void {
    const slot = this.slotOf.get(id)
    if (slot === undefined) return
    this.slotOf.delete(id)
    this.ids[slot] = null
    this.bytes.fill(0, slot * STRIDE, (slot + 1) * STRIDE)
    this.bytes[slot * STRIDE + 34] = Flag.hidden
    this.free.push(slot)
    this.dirty = true
  }

  private take(id: string): number {
    let slot = this.free.pop()
    if (slot === undefined) {
      slot = this.count
      this.count += 1
      if (this.count * STRIDE > this.bytes.length) this.grow()
    }
    this.slotOf.set(id, slot)
    this.ids[slot] = id
    return slot
  }

  private grow(): void {
    const buffer = new ArrayBuffer(this.bytes.length * 2)
    const bytes = new Uint8Array(buffer)
    bytes.set(this.bytes)
    this.bytes = bytes
    this.floats = new Float32Array(buffer)
  }
}
