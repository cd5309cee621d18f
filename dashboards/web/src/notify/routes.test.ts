import { describe, expect, it } from 'vitest'
import type { Route } from '@/api/report'
import { flatten, flipped, receiverKey, receiverOf, replaced } from './routes'

const tree: Route[] = [
  { id: 'a', title: 'A', routes: [{ id: 'b', title: 'B' }, { id: 'c', title: 'C', routes: [{ id: 'd', title: 'D' }] }] },
  { id: 'e', title: 'E' },
]
const ids = (routes: readonly Route[]) => flatten(routes).map(({ route, depth }) => `${'.'.repeat(depth)}${route.id}`)

describe('the tree', () => {
  it('is a list in reading order', () => {
    expect(ids(tree)).toEqual(['a', '.b', '.c', '..d', 'e'])
  })

  it.each([
    ['a leaf', [0, 1, 0], ['a', '.b', '.c', '..x', 'e']],
    ['a branch with what hangs on it', [0, 1], ['a', '.b', '.x', 'e']],
    ['a root', [1], ['a', '.b', '.c', '..d', 'x']],
  ])('takes another route for %s', (_, at, after) => {
    expect(ids(replaced(tree, at, { id: 'x', title: 'X' }))).toEqual(after)
    expect(ids(tree)).toEqual(['a', '.b', '.c', '..d', 'e'])
  })

  it('loses a route', () => {
    expect(ids(replaced(tree, [0, 1], null))).toEqual(['a', '.b', 'e'])
  })
})

it.each([[{ role: 'dispatcher' }, 'role:dispatcher'], [{ webhook: 'a:b' }, 'webhook:a:b']])('%j is %s', (receiver, key) => {
  expect(receiverKey(receiver)).toBe(key)
  expect(receiverOf(key)).toEqual(receiver)
})

it('flips', () => {
  expect(flipped(['P1'], 'P2')).toEqual(['P1', 'P2'])
  expect(flipped(['P1', 'P2'], 'P1')).toEqual(['P2'])
  expect(flipped(null, 'P1')).toEqual(['P1'])
})
