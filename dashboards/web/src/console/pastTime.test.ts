import { expect, test } from 'vitest'
import { localInput, parseLocal } from './pastTime'

test('a time goes into the input and comes back', () => {
  const ms = new Date(2026, 10, 24, 9, 5, 7).getTime()
  expect(localInput(ms)).toBe('2026-11-24T09:05:07')
  expect(parseLocal(localInput(ms))).toBe(ms)
  expect(parseLocal('2026-11-24T09:05')).toBe(ms - 7_000)
  expect(parseLocal('')).toBeNull()
  expect(parseLocal('yesterday')).toBeNull()
})
