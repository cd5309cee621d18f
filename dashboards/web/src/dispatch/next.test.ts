import { expect, test } from 'vitest'
import { order } from '@/testing/things'
import { nextOrder } from './next'

const queue = [
  order('late', { priority: 'P2', created_at: 0, alarm: 'A' }),
  order('first', { priority: 'P1', created_at: 5 }),
  order('gone', { priority: 'P1', created_at: 0, state: 'dispatched' }),
]

test('the alarm that is open, else the most pressing one, then the next, then around', () => {
  expect(nextOrder(queue, 'A', null, 10)?.id).toBe('late')
  expect(nextOrder(queue, 'B', null, 10)?.id).toBe('first')
  expect(nextOrder(queue, null, 'first', 10)?.id).toBe('late')
  expect(nextOrder(queue, null, 'late', 10)?.id).toBe('first')
  expect(nextOrder([], null, null, 10)).toBeUndefined()
})
