import { describe, expect, it } from 'vitest'
import { periodOf, shiftAt } from './period'

const at = (text: string) => Date.parse(`${text}+08:00`)

describe('shiftAt', () => {
  it.each([
    ['2026-11-24T07:59:59', '2026-11-24T00:00:00'],
    ['2026-11-24T08:00:00', '2026-11-24T08:00:00'],
    ['2026-11-24T23:59:59', '2026-11-24T16:00:00'],
  ])('%s belongs to the shift of %s', (now, from) => {
    expect(shiftAt(at(now))).toEqual({ from: at(from), to: at(from) + 8 * 3_600_000 })
  })

  it('goes back over midnight', () => {
    expect(shiftAt(at('2026-11-24T03:00:00'), 1).from).toBe(at('2026-11-23T16:00:00'))
  })
})

it.each([
  ['today', '2026-11-24T00:00:00', '2026-11-24T10:00:00'],
  ['yesterday', '2026-11-23T00:00:00', '2026-11-24T00:00:00'],
  ['week', '2026-11-18T00:00:00', '2026-11-24T10:00:00'],
  ['month', '2026-10-26T00:00:00', '2026-11-24T10:00:00'],
  ['shift', '2026-11-24T08:00:00', '2026-11-24T10:00:00'],
] as const)('%s', (name, from, to) => {
  expect(periodOf(name, at('2026-11-24T10:00:00'))).toEqual({ from: at(from), to: at(to) })
})
