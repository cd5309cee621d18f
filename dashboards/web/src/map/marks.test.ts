import { describe, expect, it } from 'vitest'
import { device, random, unit } from '@/testing/things'
import { deviceLook, layerOf, PALETTES, radii, STALE_MS, unitLook } from './appearance'
import { BLEND, Flag, Marks, REACH, STRIDE } from './marks'
import { latitude, longitude, mercatorX, mercatorY, originMatrix, perMetre, toScreen } from './mercator'
import { PickGrid } from './pick'

const ORIGIN = { x: mercatorX(121.4), y: mercatorY(31.2) }

describe('mercator', () => {
  it('comes back from a place', () => {
    for (const [lon, lat] of [
      [121.473701, 31.230416],
      [-70.5, -33.2],
      [0, 0],
    ] as const) {
      expect(longitude(mercatorX(lon))).toBeCloseTo(lon, 10)
      expect(latitude(mercatorY(lat))).toBeCloseTo(lat, 10)
    }
  })

  it('is exact to centimetres in float32 relative to a local origin', () => {
    const lon = 121.473701
    const local = Math.fround(mercatorX(lon) - ORIGIN.x)
    const metres = Math.abs(local + ORIGIN.x - mercatorX(lon)) / perMetre(31.2)
    expect(metres).toBeLessThan(0.01)
  })

  it('moves the origin into the matrix', () => {
    // x' = 2x, y' = 3y in clip space
    const matrix = [2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    const local = originMatrix(matrix, { x: 0.25, y: 0.1 }, new Float32Array(16))
    const at = toScreen(local, 0.05, 0.1, 200, 100)
    expect(at?.x).toBeCloseTo((2 * 0.3 + 1) * 100, 4)
    expect(at?.y).toBeCloseTo((1 - 3 * 0.2) * 50, 4)
  })
})

describe('marks', () => {
  it('carries a unit on by its own speed for a bounded time', () => {
    const marks = new Marks(ORIGIN)
    const slot = marks.place('V-1', 121.4, 31.2, 36, 90, 10)
    const metres = (at: number) => marks.placeAt(slot, at).x / perMetre(31.2)
    expect(metres(10)).toBeCloseTo(0, 2)
    expect(metres(11)).toBeCloseTo(10, 1)
    expect(metres(10 + REACH)).toBeCloseTo(20, 1)
    expect(metres(1_000)).toBeCloseTo(20, 1)
    expect(marks.speedAt(slot, 11) / perMetre(31.2)).toBeCloseTo(10, 1)
    expect(marks.speedAt(slot, 10 + REACH)).toBe(0)
  })

  it('goes north for heading 0', () => {
    const marks = new Marks(ORIGIN)
    const slot = marks.place('V-1', 121.4, 31.2, 36, 0, 0)
    expect(latitude(marks.placeAt(slot, 1).y + ORIGIN.y)).toBeGreaterThan(31.2)
  })

  it('takes up a new fix without a jump, within the blend', () => {
    const marks = new Marks(ORIGIN)
    const slot = marks.place('V-1', 121.4, 31.2, null, null, 0)
    marks.place('V-1', 121.401, 31.2, null, null, 5)
    const lon = (at: number) => longitude(marks.placeAt(slot, at).x + ORIGIN.x)
    expect(lon(5)).toBeCloseTo(121.4, 6)
    expect(lon(5 + BLEND / 2)).toBeCloseTo(121.4005, 6)
    expect(lon(5 + BLEND)).toBeCloseTo(121.401, 6)
  })

  it('draws a real jump as a jump', () => {
    const marks = new Marks(ORIGIN)
    const slot = marks.place('V-1', 121.4, 31.2, null, null, 0)
    marks.place('V-1', 121.42, 31.2, null, null, 5)
    expect(longitude(marks.placeAt(slot, 5).x + ORIGIN.x)).toBeCloseTo(121.42, 6)
  })

  it('keeps every mark through growth, and reuses the slots of removed ones', () => {
    const marks = new Marks(ORIGIN, 2)
    for (let i = 0; i < 100; i += 1) marks.place(`P-${i}`, 121.4 + i / 10_000, 31.2, null, null, 0)
    for (let i = 0; i < 100; i += 1) {
      const slot = marks.slotOf.get(`P-${i}`)!
      expect(longitude(marks.placeAt(slot, 1).x + ORIGIN.x)).toBeCloseTo(121.4 + i / 10_000, 6)
    }
    marks.remove('P-7')
    expect(marks.slotOf.has('P-7')).toBe(false)
    marks.place('P-new', 121.4, 31.2, null, null, 0)
    expect(marks.count).toBe(100)
    expect(marks.bytes.length).toBeGreaterThanOrEqual(100 * STRIDE)
  })

  it('says whether a look differs', () => {
    const marks = new Marks(ORIGIN)
    const slot = marks.place('P-1', 121.4, 31.2, null, null, 0)
    const look = unitLook(unit('P-1'), 0, undefined, PALETTES.seat)
    expect(marks.dress(slot, look)).toBe(true)
    marks.dirty = false
    expect(marks.dress(slot, look)).toBe(false)
    expect(marks.dirty).toBe(false)
    expect(marks.dress(slot, { ...look, flags: look.flags | Flag.selected })).toBe(true)
  })
})

describe('appearance', () => {
  const p = PALETTES.seat
  const trouble = { priority: 'P1', unacknowledged: true, count: 1 } as const
  const table: [string, number, { has?: number; not?: number; rgb?: readonly number[] }][] = [
    ['normal is grey', unitLook(unit('P'), 0, undefined, p).flags, { not: Flag.faded | Flag.hollow | Flag.emphasis }],
    ['an old fix fades', unitLook(unit('P'), STALE_MS + 1, undefined, p).flags, { has: Flag.faded }],
    ['silent fades', unitLook(unit('P', { state: 'silent' }), 0, undefined, p).flags, { has: Flag.faded }],
    ['offline is hollow', unitLook(unit('P', { state: 'offline' }), 0, undefined, p).flags, { has: Flag.hollow }],
    ['standing has no heading', unitLook(unit('P', { speed_kmh: 0 }), 0, undefined, p).flags, { not: Flag.heading }],
    ['moving has one', unitLook(unit('P'), 0, undefined, p).flags, { has: Flag.heading }],
    ['SOS beats all', unitLook(unit('P', { sos: true, state: 'offline' }), 9e9, undefined, p).flags, { has: Flag.sos, not: Flag.faded | Flag.hollow }],
    ['trouble blinks until acknowledged', unitLook(unit('P'), 0, trouble, p).flags, { has: Flag.blink | Flag.emphasis }],
    ['and not after', unitLook(unit('P'), 0, { ...trouble, unacknowledged: false }, p).flags, { has: Flag.emphasis, not: Flag.blink }],
    ['a dark lamp is hollow', deviceLook(device('L', { class: 'light', kind: 'fixture', on: false }), undefined, p).flags, { has: Flag.hollow }],
    ['a lit one is not', deviceLook(device('L', { class: 'light', kind: 'fixture', on: true }), undefined, p).flags, { not: Flag.hollow }],
  ]
  it.each(table)('%s', (_, flags, { has = 0, not = 0 }) => {
    expect(flags & has).toBe(has)
    expect(flags & not).toBe(0)
  })

  it('takes the colour of the priority', () => {
    expect(deviceLook(device('F'), trouble, p).rgba.slice(0, 3)).toEqual([...p.P1])
    expect(deviceLook(device('F'), undefined, p).rgba.slice(0, 3)).toEqual([...p.device])
  })

  it('tells circuits from fixtures', () => {
    expect(layerOf('light', 'circuit')).toBe('circuit')
    expect(layerOf('light', 'fixture')).toBe('fixture')
    expect(layerOf('plant', 'furnace')).toBe('plant')
  })

  it('draws a crowd small while it is seen from afar', () => {
    expect(radii(12, 'seat', 5_000)[3]).toBeCloseTo(radii(12, 'seat')[3] * 0.4)
    expect(radii(12, 'seat', 100)).toEqual(radii(12, 'seat'))
    expect(radii(16, 'seat', 5_000)).toEqual(radii(16, 'seat'))
  })

  it('grows with the zoom and never jumps', () => {
    let before = radii(8, 'seat')
    for (let zoom = 8; zoom <= 20; zoom += 0.1) {
      const here = radii(zoom, 'seat')
      here.forEach((radius, i) => {
        expect(radius).toBeGreaterThanOrEqual(before[i]! - 1e-9)
        expect(radius - before[i]!).toBeLessThan(0.4)
      })
      before = here
    }
  })
})

describe('pick grid', () => {
  it('finds what a look at every point finds', () => {
    const next = random(7)
    const points = Array.from({ length: 2_000 }, (_, ref) => ({ x: next() * 0.002 - 0.001, y: next() * 0.002 - 0.001, ref }))
    const grid = new PickGrid(points, 0.00005)
    for (let i = 0; i < 200; i += 1) {
      const x = next() * 0.0024 - 0.0012
      const y = next() * 0.0024 - 0.0012
      const radius = next() * 0.0001
      const inside = (p: { x: number; y: number }) => Math.hypot(p.x - x, p.y - y) <= radius
      const found = [...grid.near(x, y, radius)].filter(inside).map((p) => p.ref).sort()
      expect(found).toEqual(points.filter(inside).map((p) => p.ref).sort())
    }
  })
})
