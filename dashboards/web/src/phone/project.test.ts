import { expect, test } from 'vitest'
import type { Order } from './api'
import type { Row } from './outbox/rows'
import { actsOf, pressing, project, sorted } from './project'

const clock = (stage: string, deadline: number, state = 'running') =>
  ({ stage, kind: 'work_hour', value: 4, started_at: 0, deadline, state, paused_at: null, warn_at: 0, warned: false, escalations: 0, ended_at: null }) as Order['clocks'][number]
const order = (id: string, more: Partial<Order> = {}): Order =>
  ({ id, state: 'dispatched', priority: 'P3', clocks: [], created_at: 0, ...more }) as Order
const row = (act: string, more: Partial<Row> = {}): Row => ({ id: act, seq: 1, order: 'o', act, state: 'waiting', ...more }) as Row

test('acts on the way are seen at once, refused ones are not', () => {
  const base = order('o')
  expect(project(base, [row('accept'), row('arrive')]).order.state).toBe('in_progress')
  expect(project(base, [row('accept'), row('arrive')]).waiting).toEqual(['accept', 'arrive'])
  expect(project(base, [row('accept', { state: 'refused' })]).order).toBe(base)
  expect(project(base, [row('accept', { order: 'p' })]).order).toBe(base)
  expect(project(base, [row('return')]).leaving).toBe(true)
})

test('the clock that presses is the one of the stage', () => {
  const clocks = [clock('handling', 90), clock('receive', 10)]
  expect(pressing(order('o', { clocks }))?.deadline).toBe(10)
  expect(pressing(order('o', { clocks, state: 'accepted' }))?.deadline).toBe(90)
  expect(pressing(order('o', { clocks: [clock('handling', 90, 'done')], state: 'accepted' }))).toBeNull()
  expect(pressing(order('o', { clocks: [clock('handling', 50), clock('handling', 70)], state: 'accepted' }))?.deadline, 'the newest').toBe(70)
})

test('by deadline or by distance, the unknown last', () => {
  const list = [
    { order: order('far-soon', { clocks: [clock('receive', 10)] }), distance: 900 },
    { order: order('near-late', { clocks: [clock('receive', 99)] }), distance: 10 },
    { order: order('nowhere'), distance: null },
    { order: order('paused', { clocks: [clock('receive', 1, 'paused')] }), distance: 500 },
  ]
  expect(sorted(list, 'deadline').map((one) => one.order.id)).toEqual(['far-soon', 'near-late', 'paused', 'nowhere'])
  expect(sorted(list, 'distance').map((one) => one.order.id)).toEqual(['near-late', 'paused', 'far-soon', 'nowhere'])
})

test('nobody finishes what they did not begin', () => {
  expect(actsOf('dispatched', false)).not.toContain('finish')
  expect(actsOf('in_progress', false)[0]).toBe('finish')
  expect(actsOf('closed', false)).toEqual([])
  expect(actsOf('reported', true)).toEqual(['verified'])
})
