import { describe, expect, it } from 'vitest'
import type { Priority } from '@/api/types'
import { due } from './soundrule'

type Waiting = [Priority, { newest: boolean; since: number }][]

describe('due', () => {
  const table: { name: string; waiting: Waiting; last: [Priority, number][]; wants: Priority[]; sounds: Priority | null }[] = [
    { name: 'nothing waits', waiting: [], last: [], wants: ['P1'], sounds: null },
    { name: 'a new one', waiting: [['P3', { newest: true, since: 100_000 }]], last: [], wants: ['P3'], sounds: 'P3' },
    { name: 'one that nobody wants to hear', waiting: [['P4', { newest: true, since: 0 }]], last: [], wants: ['P1'], sounds: null },
    {
      name: 'the worst of two new ones',
      waiting: [['P3', { newest: true, since: 0 }], ['P1', { newest: true, since: 0 }]],
      last: [],
      wants: ['P1', 'P3'],
      sounds: 'P1',
    },
    { name: 'a P1 calls again', waiting: [['P1', { newest: false, since: 0 }]], last: [['P1', 94_000]], wants: ['P1'], sounds: 'P1' },
    { name: 'but not yet', waiting: [['P1', { newest: false, since: 0 }]], last: [['P1', 94_001]], wants: ['P1'], sounds: null },
    { name: 'a P3 does not call again', waiting: [['P3', { newest: false, since: 0 }]], last: [], wants: ['P3'], sounds: null },
    {
      name: 'a new P3 does not wait for a quiet P1',
      waiting: [['P1', { newest: false, since: 0 }], ['P3', { newest: true, since: 0 }]],
      last: [['P1', 99_000]],
      wants: ['P1', 'P3'],
      sounds: 'P3',
    },
  ]
  it.each(table)('$name', ({ waiting, last, wants, sounds }) => {
    expect(due(new Map(waiting), wants, new Map(last), 100_000)).toBe(sounds)
  })
})
