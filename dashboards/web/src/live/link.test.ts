import { describe, expect, it } from 'vitest'
import { hubTime, newClock, sample, WINDOW } from './clock'
import * as link from './link'

describe('link', () => {
  it('connects, hears, and is shown as connected', () => {
    const l = link.newLink()
    expect(link.shownState(l)).toBe('stopped')
    expect(link.start(l, 0)).toBe('connect')
    expect(link.shownState(l)).toBe('connecting')
    link.heard(l, 50)
    expect(link.shownState(l)).toBe('connected')
  })

  it('gives up a link that is silent for longer than 8 s, not before', () => {
    const l = link.newLink()
    link.start(l, 0)
    link.heard(l, 1_000)
    expect(link.tick(l, 9_000)).toBe('none')
    expect(link.tick(l, 9_001)).toBe('close')
  })

  it('gives up a connect that nobody answers', () => {
    const l = link.newLink()
    link.start(l, 0)
    expect(link.tick(l, 4_000)).toBe('none')
    expect(link.tick(l, 4_001)).toBe('close')
  })

  it('waits longer after each failure and never longer than 1 s', () => {
    const l = link.newLink()
    link.start(l, 0)
    const waits: number[] = []
    let now = 0
    for (let i = 0; i < 8; i += 1) {
      link.closed(l, now, 0)
      waits.push(l.due - now)
      expect(link.tick(l, l.due - 1)).toBe('none')
      now = l.due
      expect(link.tick(l, now)).toBe('connect')
    }
    expect(waits).toEqual([250, 500, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000])
    link.heard(l, now)
    link.closed(l, now, 0)
    expect(l.due - now).toBe(250)
  })

  it('spreads the returns of many pages', () => {
    expect(link.backoffMs(9, 0)).toBe(1_000)
    expect(link.backoffMs(9, 1)).toBe(800)
  })

  it('says reconnecting only after it was connected', () => {
    const l = link.newLink()
    link.start(l, 0)
    link.closed(l, 10, 0)
    expect(link.shownState(l)).toBe('connecting')
    link.tick(l, l.due)
    link.heard(l, 300)
    link.closed(l, 400, 0)
    expect(link.shownState(l)).toBe('reconnecting')
  })

  it('tries at once when the network is said to be back, and only while waiting', () => {
    const l = link.newLink()
    link.start(l, 0)
    link.heard(l, 1)
    expect(link.hurry(l, 2)).toBe('none')
    link.closed(l, 3, 0)
    expect(link.hurry(l, 4)).toBe('connect')
  })

  it('stays stopped', () => {
    const l = link.newLink()
    link.start(l, 0)
    expect(link.stop(l)).toBe('close')
    link.closed(l, 1, 0)
    link.heard(l, 2)
    expect(link.tick(l, 99_999)).toBe('none')
    expect(link.shownState(l)).toBe('stopped')
  })
})

describe('clock', () => {
  it('takes the quickest message for the clock difference and the rest for delay', () => {
    const clock = newClock()
    // This computer is 5 s ahead; transport takes 2 ms, once 300 ms.
    sample(clock, 15_002, 10_000)
    expect(clock.delay).toBe(0)
    sample(clock, 16_300, 11_000)
    expect(clock.offset).toBe(5_002)
    expect(clock.delay).toBe(298)
    expect(hubTime(clock, 20_002)).toBe(15_000)
  })

  it('forgets an old best after a window, so a drifting clock is followed', () => {
    const clock = newClock()
    sample(clock, 1_000, 1_000)
    for (let i = 0; i < WINDOW; i += 1) sample(clock, 2_100, 2_000)
    expect(clock.offset).toBe(100)
  })
})
