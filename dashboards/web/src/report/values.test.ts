import { expect, it } from 'vitest'
import { kpiText } from './values'

it.each([
  [null, 'per_hour', '—'],
  [NaN, 'per_hour', '—'],
  [0, 'share', '0%'],
  [0.00694, 'share', '0.69%'],
  [0.05, 'share', '5%'],
  [0.4567, 'share', '46%'],
  [1.319, '1/10min', '1.32'],
  [41, '', '41'],
  [12.345, '', '12.3'],
  [1234.5, '', '1235'],
  [0.005, '%', '0.5%'],
])('%s %s is %s', (value, unit, text) => {
  expect(kpiText(value, unit)).toBe(text)
})
