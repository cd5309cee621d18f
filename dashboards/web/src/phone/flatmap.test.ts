import { expect, test } from 'vitest'
import { SCALE_MAX, toScreen, viewOf, zoomAt } from './flatmap'

const places = [{ lon: 121.42, lat: 31.2 }, { lon: 121.48, lat: 31.26 }]

test('all places are on the screen', () => {
  const view = viewOf(places, 390, 700)!
  for (const place of places) {
    const { x, y } = toScreen(view, place, 390, 700)
    expect(x).toBeGreaterThan(0)
    expect(x).toBeLessThan(390)
    expect(y).toBeGreaterThan(0)
    expect(y).toBeLessThan(700)
  }
  expect(viewOf([], 390, 700)).toBeNull()
})

test('the place under the finger stays under the finger', () => {
  const view = viewOf(places, 390, 700)!
  const before = toScreen(view, places[0]!, 390, 700)
  const after = toScreen(zoomAt(view, 3, before.x, before.y, 390, 700), places[0]!, 390, 700)
  expect(after.x).toBeCloseTo(before.x, 6)
  expect(after.y).toBeCloseTo(before.y, 6)
  expect(zoomAt(view, 1e9, 0, 0, 390, 700).scale).toBe(SCALE_MAX)
})
