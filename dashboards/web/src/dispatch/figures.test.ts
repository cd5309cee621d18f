import { expect, test } from 'vitest'
import type { OrderFigures } from '@/api/orders'
import { FIGURES, figureText, isBad } from './figures'

const figures = { reported: 7, filed_share: 0.857, handling_hours: 3.25, overdue: 1, handled_late: 0, closed_in_time_share: null } as OrderFigures

test('shares read as per cent, hours with one decimal, what is unknown as a dash', () => {
  expect(figureText('reported', figures)).toBe('7')
  expect(figureText('filed_share', figures)).toBe('86%')
  expect(figureText('handling_hours', figures)).toBe('3.3')
  expect(figureText('closed_in_time_share', figures)).toBe('—')
})

test('only what is late is marked', () => {
  expect(FIGURES.filter((key) => isBad(key, figures))).toEqual(['overdue'])
})
