import { describe, expect, it } from 'vitest'
import type { Alarm } from '@/api/types'
import { alarm, random } from '@/testing/things'
import { Board, noFilter, type Filter } from './board'

function board(alarms: Alarm[], filter: Partial<Filter> = {}): Board {
  const made = new Board((a) => (a.class === 'plant' ? ['plant', 'all'] : ['all']))
  made.setFilter({ ...noFilter(), ...filter })
  for (const one of alarms) made.apply(one.id, one)
  return made
}

/** `A` is a row, `.B` a consequence below it, `A+2` a closed cause with two. */
function shown(made: Board): string[] {
  return made.rows().map(({ entry, depth, under, open }) =>
    `${depth === 1 ? '.' : ''}${entry.alarm.id}${under > 0 && !open ? `+${under}` : ''}`)
}

const at = (id: string, first_position: number, more: Partial<Alarm> = {}) => alarm(id, { first_position, ...more })

describe('order', () => {
  it('is first-out by log position, whatever order they arrive in', () => {
    expect(shown(board([at('C', 3), at('A', 1), at('B', 2)]))).toEqual(['A', 'B', 'C'])
  })

  it('puts late comers into their place without a new sort', () => {
    const made = board([at('A', 1), at('D', 4)])
    expect(shown(made)).toEqual(['A', 'D'])
    for (const one of [at('E', 5), at('B', 2), at('C', 3)]) made.apply(one.id, one)
    expect(shown(made)).toEqual(['A', 'B', 'C', 'D', 'E'])
    made.apply('C', undefined)
    made.apply('A', at('A', 1, { state: 'normal' }))
    expect(shown(made)).toEqual(['B', 'D', 'E'])
  })

  it('forgets one that came and went between two looks, and takes it back', () => {
    const made = board([at('A', 1)])
    made.apply('B', at('B', 2))
    made.apply('B', undefined)
    expect(shown(made)).toEqual(['A'])
    made.apply('B', at('B', 2))
    expect(shown(made)).toEqual(['A', 'B'])
  })

  it.each([
    ['newest', ['C', 'B', 'A']],
    ['priority', ['B', 'A', 'C']],
  ] as const)('by %s', (sort, order) => {
    const all = [at('A', 1, { priority: 'P3' }), at('B', 2, { priority: 'P1' }), at('C', 3, { priority: 'P3' })]
    expect(shown(board(all, { sort }))).toEqual(order)
  })

  it('moves a row whose priority rose', () => {
    const made = board([at('A', 1), at('B', 2)], { sort: 'priority' })
    expect(shown(made)).toEqual(['A', 'B'])
    made.apply('B', at('B', 2, { priority: 'P1' }))
    expect(shown(made)).toEqual(['B', 'A'])
  })
})

describe('consequences', () => {
  const cause = at('A', 5, { folds: 2 })
  const first = at('B', 1, { folded_under: 'A' })
  const second = at('C', 6, { folded_under: 'A', priority: 'P4' })

  it('stand closed under their cause even when they came first', () => {
    const made = board([first, cause, second, at('D', 2)])
    expect(shown(made)).toEqual(['D', 'A+2'])
    made.toggle('A')
    expect(shown(made)).toEqual(['D', 'A', '.B', '.C'])
    made.toggle('A')
    expect(shown(made)).toEqual(['D', 'A+2'])
  })

  it('come out when the cause goes or somebody takes them out', () => {
    const made = board([first, cause, second])
    made.apply('A', undefined)
    expect(shown(made)).toEqual(['B', 'C'])
    made.apply('A', cause)
    made.apply('C', { ...second, folded_under: null })
    expect(shown(made)).toEqual(['A+1', 'C'])
  })

  it('of a consequence stand under the first cause; circles hide nothing', () => {
    const deep = at('E', 7, { folded_under: 'C' })
    expect(shown(board([cause, first, second, deep]))).toEqual(['A+3'])
    const circle = [at('X', 1, { folded_under: 'Y' }), at('Y', 2, { folded_under: 'X' }), at('Z', 3, { folded_under: 'Y' })]
    const made = board(circle)
    expect(made.rows().reduce((sum, row) => sum + 1 + (row.open ? 0 : row.under), 0)).toBe(3)
  })

  it.each([
    ['the cause is left out: it heads what is let through', { priority: new Set(['P4']) }, ['A', '.C']],
    ['nothing below is let through', { priority: new Set(['P2']) }, ['A+1']],
    ['only consequences: a plain list', { fold: new Set(['folded']) }, ['B', 'C']],
    ['only causes, with what is below them', { fold: new Set(['cause']) }, ['A+2']],
    ['neither', { priority: new Set(['P1']) }, []],
  ])('%s', (_, filter, rows) => {
    expect(shown(board([cause, first, second], filter))).toEqual(rows)
  })
})

describe('facets', () => {
  const all = [
    at('A', 1, { class: 'plant', priority: 'P1', sub_district: '东' }),
    at('B', 2, { class: 'plant', priority: 'P2', sub_district: '西', state: 'acknowledged' }),
    at('C', 3, { class: 'light', priority: 'P2', sub_district: '西' }),
    at('D', 4, { class: 'light', priority: 'P2', state: 'shelved' }),
  ]

  it('count what each choice would show with the others as they stand', () => {
    const counts = board(all, { class: new Set(['light']) }).counts()
    // Two classes although one is chosen: a facet does not narrow itself.
    expect([...counts.class]).toEqual([['plant', 2], ['light', 1]])
    expect([...counts.priority]).toEqual([['P2', 1]])
    expect([...counts.state]).toEqual([['unacknowledged', 1], ['shelved', 1]])
    expect([...counts.desk]).toEqual([['all', 1]])
  })

  it.each([
    ['nothing chosen hides what is hidden on purpose', {}, ['A', 'B', 'C']],
    ['shelved ones when asked for', { state: new Set(['shelved']) }, ['D']],
    ['place and priority', { place: new Set(['西']), priority: new Set(['P2']) }, ['B', 'C']],
    ['desk', { desk: new Set(['plant']) }, ['A', 'B']],
    ['text in the place', { text: '东' }, ['A']],
    ['text in the name', { text: '焚烧' }, ['A', 'B', 'C']],
    ['no match', { text: 'nothing' }, []],
  ])('%s', (_, filter, rows) => {
    expect(shown(board(all, filter))).toEqual(rows)
  })
})

it('sums up who waits and what is hidden', () => {
  const made = board([
    at('A', 9, { priority: 'P1' }),
    at('B', 2, { priority: 'P1' }),
    at('C', 1, { priority: 'P1', state: 'acknowledged' }),
    at('D', 3, { priority: 'P2', state: 'returned_unacknowledged', folded_under: 'A' }),
    at('E', 4, { priority: 'P1', state: 'shelved' }),
  ])
  expect(made.summary()).toMatchObject({
    waiting: { P1: 2, P2: 1, P3: 0, P4: 0 },
    hidden: { shelved: 1, suppressed_by_design: 0, out_of_service: 0 },
    folded: 1,
    standing: 4,
    urgent: { id: 'B' },
  })
})

it('says the same as a naive list after any sequence of changes', () => {
  const luck = random(7)
  const made = new Board()
  const truth = new Map<string, Alarm>()
  for (let step = 0; step < 3_000; step += 1) {
    const id = `N${Math.floor(luck() * 60)}`
    if (luck() < 0.3) {
      truth.delete(id)
      made.apply(id, undefined)
    } else {
      const known = truth.get(id)
      const next = at(id, known?.first_position ?? step, { state: luck() < 0.5 ? 'unacknowledged' : 'acknowledged', count: step })
      truth.set(id, next)
      made.apply(id, next)
    }
    if (luck() < 0.2) {
      const naive = [...truth.values()].sort((a, b) => a.first_position - b.first_position).map((a) => a.id)
      expect(shown(made)).toEqual(naive)
    }
  }
})
