import { describe, expect, test } from 'vitest'
import type { OrderClock } from '@/api/dispatch'
import { order, random } from '@/testing/things'
import { compareQueue, heatOf, isLate, leadClock, newestClocks, readClock } from './clocks'

const MIN = 60_000
const clock = (more: Partial<OrderClock> = {}): OrderClock => ({
  stage: 'dispatch',
  kind: 'urgent_hour',
  value: 1,
  started_at: 0,
  deadline: 60 * MIN,
  state: 'running',
  paused_at: null,
  warn_at: 42 * MIN,
  warned: false,
  escalations: 0,
  ended_at: null,
  ...more,
})

describe('a clock is read', () => {
  test.each([
    [0, 'calm', 60 * MIN],
    [42 * MIN, 'warn', 18 * MIN],
    [60 * MIN, 'warn', 0],
    [61 * MIN, 'late', -MIN],
  ] as const)('at %i ms: %s', (now, pressure, left) => {
    expect(readClock(clock(), now)).toMatchObject({ pressure, left })
  })
  test('stands while paused, whatever the time', () => {
    const paused = clock({ state: 'paused', paused_at: 10 * MIN })
    expect(readClock(paused, 90 * MIN)).toMatchObject({ pressure: 'paused', left: 50 * MIN })
  })
  test('keeps its end', () => {
    expect(readClock(clock({ state: 'done', ended_at: 20 * MIN }), 99 * MIN)).toMatchObject({ pressure: 'done', left: 40 * MIN })
    expect(readClock(clock({ state: 'done_late', ended_at: 70 * MIN }), 99 * MIN)).toMatchObject({ pressure: 'late', left: -10 * MIN })
  })
})

describe('the clock that presses', () => {
  test('is the running one that ends first', () => {
    const one = order('a', { clocks: [clock({ stage: 'handling', deadline: 90 * MIN }), clock({ stage: 'outer', deadline: 30 * MIN })] })
    expect(leadClock(one, 0)?.clock.stage).toBe('outer')
  })
  test('is a paused one only where none runs', () => {
    const paused = clock({ stage: 'handling', state: 'paused', paused_at: 0, deadline: MIN })
    expect(leadClock(order('a', { clocks: [paused] }), 0)?.pressure).toBe('paused')
    expect(leadClock(order('a', { clocks: [paused, clock({ stage: 'outer' })] }), 0)?.clock.stage).toBe('outer')
  })
  test('is none where all are done', () => {
    expect(leadClock(order('a', { clocks: [clock({ state: 'done', ended_at: 1 })] }), 0)).toBeNull()
  })
  test('late only by running clocks', () => {
    expect(isLate(order('a', { clocks: [clock()] }), 61 * MIN)).toBe(true)
    expect(isLate(order('a', { clocks: [clock({ state: 'done_late', ended_at: 1 })] }), 61 * MIN)).toBe(false)
  })
})

test('a stage that began again shows its newest clock last', () => {
  const again = order('a', { clocks: [clock({ stage: 'dispatch', value: 1 }), clock({ stage: 'receive' }), clock({ stage: 'dispatch', value: 2 })] })
  expect(newestClocks(again).map((c) => [c.stage, c.value])).toEqual([
    ['receive', 1],
    ['dispatch', 2],
  ])
})

describe('a waiting order warms', () => {
  test.each([
    ['P1', 0, 0],
    ['P1', 3, 2],
    ['P1', 30, 4],
    ['P2', 3, 0],
    ['P2', 20, 2],
    ['P3', 20, 0],
    ['P4', 600, 1],
  ] as const)('%s after %i minutes: %i', (priority, minutes, heat) => {
    expect(heatOf(order('a', { priority, created_at: 0 }), minutes * MIN)).toBe(heat)
  })
  test('by its clock too', () => {
    expect(heatOf(order('a', { priority: 'P3', created_at: 0, clocks: [clock()] }), 43 * MIN)).toBe(2)
    expect(heatOf(order('a', { priority: 'P3', created_at: 0, clocks: [clock()] }), 61 * MIN)).toBe(4)
  })
  test('but not what is on its way', () => {
    expect(heatOf(order('a', { priority: 'P1', state: 'dispatched', created_at: 0 }), 600 * MIN)).toBe(0)
  })
  test('never cools with time, and the queue is a total order', () => {
    const next = random(7)
    const all = Array.from({ length: 60 }, (_, i) =>
      order(`o${i}`, {
        priority: (['P1', 'P2', 'P3', 'P4'] as const)[Math.floor(next() * 4)]!,
        created_at: Math.floor(next() * 40 * MIN),
        clocks: next() < 0.5 ? [] : [clock({ deadline: 40 * MIN + next() * 80 * MIN })],
      }),
    )
    for (const one of all) {
      let before = 0
      for (let at = 40 * MIN; at < 300 * MIN; at += 7 * MIN) {
        const heat = heatOf(one, at)
        expect(heat).toBeGreaterThanOrEqual(before)
        before = heat
      }
    }
    const sorted = [...all].sort(compareQueue(60 * MIN))
    const shuffled = [...all].sort(() => next() - 0.5).sort(compareQueue(60 * MIN))
    expect(shuffled.map((o) => o.id)).toEqual(sorted.map((o) => o.id))
  })
})
