import { describe, expect, it } from 'vitest'
import { alarm } from '@/testing/things'
import { differences, isUnacknowledged, worstByDevice } from './troubles'

describe('troubles', () => {
  it('takes the worst priority and remembers whether anybody still has to look', () => {
    const worst = worstByDevice([
      alarm('a', { device: 'X', priority: 'P3', state: 'unacknowledged' }),
      alarm('b', { device: 'X', priority: 'P1', state: 'acknowledged' }),
      alarm('c', { device: 'Y', priority: 'P2', state: 'shelved' }),
      alarm('d', { device: 'Z', priority: 'P4', state: 'returned_unacknowledged' }),
    ])
    expect(worst.get('X')).toEqual({ priority: 'P1', unacknowledged: true, count: 2 })
    expect(worst.has('Y')).toBe(false)
    expect(worst.get('Z')?.unacknowledged).toBe(true)
  })

  it('names exactly the devices that look different', () => {
    const before = worstByDevice([alarm('a', { device: 'X' }), alarm('b', { device: 'Y' })])
    const after = worstByDevice([
      alarm('a', { device: 'X', state: 'acknowledged' }),
      alarm('b', { device: 'Y', count: 9 }),
      alarm('c', { device: 'Z' }),
    ])
    expect([...differences(before, after)].sort()).toEqual(['X', 'Z'])
    expect([...differences(after, new Map())].sort()).toEqual(['X', 'Y', 'Z'])
  })

  it('blinks only while unacknowledged', () => {
    const states = [
      'normal',
      'unacknowledged',
      'acknowledged',
      'returned_unacknowledged',
      'latched_unacknowledged',
      'latched_acknowledged',
      'shelved',
      'suppressed_by_design',
      'out_of_service',
    ] as const
    expect(states.filter((state) => isUnacknowledged(alarm('a', { state })))).toEqual([
      'unacknowledged',
      'returned_unacknowledged',
      'latched_unacknowledged',
    ])
  })
})
