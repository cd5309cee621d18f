import { describe, expect, it } from 'vitest'
import type { Reject, RejectCode } from './api/types'
import { ageText, clockAge, dayStart, delayText, headingText, momentText, rejectName, rejectText, timeText, unitSign, valueText, withUnit } from './format'

describe('values', () => {
  it('shows what helps and no more', () => {
    const table: [number | null, string][] = [
      [851.23, '851'],
      [58.04, '58.0'],
      [7.256, '7.26'],
      [0.0412, '0.041'],
      [0, '0'],
      [-3.5, '-3.50'],
      [NaN, '—'],
      [null, '—'],
    ]
    for (const [value, text] of table) expect(valueText(value), String(value)).toBe(text)
    expect(unitSign('Cel')).toBe('°C')
    expect(unitSign('ug/m3')).toBe('µg/m³')
    expect(unitSign('{OU}')).toBe('OU')
    expect(withUnit(20, '%')).toBe('20.0%')
    expect(withUnit(null, 'V')).toBe('—')
  })

  it('states ages coarsely, and columns in a fixed form', () => {
    expect(ageText(-5)).toBe('0 秒')
    expect(ageText(59_999)).toBe('59 秒')
    expect(ageText(60_000)).toBe('1 分')
    expect(ageText(2 * 3_600_000 + 5 * 60_000)).toBe('2 时 5 分')
    expect(ageText(3 * 86_400_000)).toBe('3 天')
    expect(clockAge(65_000)).toBe('01:05')
    expect(clockAge(3_665_000)).toBe('1:01:05')
    expect(delayText(12.4)).toBe('12 ms')
    expect(delayText(2_345)).toBe('2.3 s')
  })

  it('keeps the district’s clock wherever the browser stands', () => {
    const noon = Date.parse('2026-11-24T12:34:56+08:00')
    expect(timeText(noon)).toBe('12:34:56')
    expect(dayStart(noon)).toBe(Date.parse('2026-11-24T00:00:00+08:00'))
    expect(momentText(noon, noon + 60_000)).toBe('12:34:56')
    expect(momentText(noon, noon + 86_400_000)).toBe('11-24 12:34:56')
  })

  it('names headings', () => {
    expect(headingText(0)).toBe('北 0°')
    expect(headingText(92)).toBe('东 92°')
    expect(headingText(359)).toBe('北 359°')
    expect(headingText(null)).toBe('—')
  })
})

describe('reasons in Chinese', () => {
  const facts: Record<RejectCode, Record<string, string | number>> = {
    unknown_topic: { topic: 'a/b' },
    bad_device_id: { id: '../x' },
    unknown_device: { id: 'Z-9' },
    class_mismatch: { id: 'P-1', registered: 'patrol', topic: 'plant' },
    empty: {},
    too_large: { bytes: 2_000_000, max: 1_048_576 },
    not_utf8: { at: 4 },
    not_json: { detail: 'expected value at line 1 column 1' },
    missing_member: { member: 'lon' },
    wrong_type: { member: 'lon', expected: 'a number' },
    out_of_range: { member: 'lon', value: 'NaN', expected: 'a finite number' },
    off_earth: { lon: '181', lat: '31' },
    time_too_old: { time_ms: 0, by_ms: 90_000 },
    time_in_future: { time_ms: 0, by_ms: 90_000 },
    too_many: { count: 2_000, max: 1_000 },
  }
  it.each(Object.keys(facts) as RejectCode[])('%s', (reason) => {
    const text = rejectText({ reason, ...facts[reason] } as Reject)
    expect(text).toMatch(/[\u4e00-\u9fff]/)
    expect(text, 'every fact found its place').not.toMatch(/[{}]/)
    for (const [name, value] of Object.entries(facts[reason])) {
      const derived = name === 'registered' || name === 'time_ms' || name === 'by_ms' || (reason === 'class_mismatch' && name === 'topic')
      if (!derived) expect(text).toContain(String(value))
    }
    expect(rejectName(reason)).toMatch(/[\u4e00-\u9fff]/)
  })

  it('shows a reason it does not know by its code', () => {
    expect(rejectText({ reason: 'brand_new' as RejectCode, a: 1 } as unknown as Reject)).toBe('brand_new {"a":1}')
    expect(rejectName('brand_new')).toBe('brand_new')
  })
})
