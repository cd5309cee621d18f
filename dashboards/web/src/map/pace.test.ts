import { expect, it } from 'vitest'
import { drew, EASY_S, frameBegins, newPace, PAUSE_MAX_S, pauseOf } from './pace'

function after(frames: number, length: number): number {
  const pace = newPace()
  for (let i = 0; i < frames; i += 1) {
    drew(pace, i * length)
    frameBegins(pace, (i + 1) * length)
  }
  return pauseOf(pace)
}

it.each([
  ['a machine that keeps up', 100, 0.016, 0],
  ['one slow frame is forgiven', 1, 0.2, 0],
  ['slow frames', 100, 0.1, 0.2],
  ['very slow ones still move', 100, 0.9, PAUSE_MAX_S],
  ['a night in a hidden tab', 100, 40_000, 0],
])('%s', (_, frames, length, pause) => {
  expect(after(frames, length)).toBeCloseTo(pause, 3)
})

it('counts only frames that drew, and recovers', () => {
  const pace = newPace()
  for (let i = 0; i < 100; i += 1) frameBegins(pace, i)
  expect(pauseOf(pace)).toBe(0)
  pace.cost = 0.3
  for (let i = 0; i < 60; i += 1) {
    drew(pace, i)
    frameBegins(pace, i + 0.016)
  }
  expect(pace.cost).toBeLessThan(EASY_S)
})
