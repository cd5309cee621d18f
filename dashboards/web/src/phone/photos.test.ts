import { expect, test } from 'vitest'
import { fitted, stampLines, takenAtOf } from './photos'

test.each([
  [4000, 3000, 1600, 1200],
  [3000, 4000, 1200, 1600],
  [800, 600, 800, 600],
  [9000, 1, 1600, 1],
])('%i x %i becomes %i x %i', (w, h, width, height) => expect(fitted(w, h)).toEqual({ width, height }))

test('the watermark says when, who, where and which', () => {
  const lines = stampLines({ takenAt: Date.UTC(2026, 6, 1, 1, 2, 3), lon: 121.4234, lat: 31.2201, accuracy: 8, place: '南京西路', person: '张三', hash: 'ab12cd34ef' })
  expect(lines).toEqual(['2026-07-01 09:02:03  张三', '南京西路  121.42340, 31.22010 ±8 m', '# ab12cd34ef'])
  expect(stampLines({ takenAt: 0, lon: null, lat: null, accuracy: null, place: '', person: '张三', hash: '' })).toHaveLength(1)
})

test('a file from the future or from before phones is as old as now', () => {
  const now = Date.UTC(2026, 6, 1)
  expect(takenAtOf(now - 86_400_000, now)).toBe(now - 86_400_000)
  expect(takenAtOf(now + 3_600_000, now)).toBe(now)
  expect(takenAtOf(0, now)).toBe(now)
})
