import { describe, expect, test } from 'vitest'
import { pairOf, parseThing, type Thing } from './drag'

const order: Thing = { kind: 'order', id: 'O-1' }
const unit: Thing = { kind: 'unit', id: 'P-001' }
const personOf = (device: string) => (device === 'P-001' ? 'crew' : null)

describe('what is dropped on what', () => {
  test.each([
    [order, { kind: 'person', id: 'crew' }, { to: 'person', user: 'crew' }],
    [{ kind: 'person', id: 'crew' }, order, { to: 'person', user: 'crew' }],
    [order, { kind: 'team', id: 't1' }, { to: 'team', team: 't1' }],
    [order, unit, { to: 'person', user: 'crew' }],
    [unit, order, { to: 'person', user: 'crew' }],
  ] as [Thing, Thing, object][])('%o and %o', (a, b, to) => {
    expect(pairOf(a, b, personOf)).toEqual({ order: 'O-1', to })
  })
  test.each([
    [order, order],
    [unit, { kind: 'person', id: 'crew' }],
    [order, { kind: 'unit', id: 'P-999' }],
  ] as [Thing, Thing][])('%o and %o do not go together', (a, b) => {
    expect(pairOf(a, b, personOf)).toBeNull()
  })
})

test('marks of elements are read', () => {
  expect(parseThing('order:A.B-1')).toEqual({ kind: 'order', id: 'A.B-1' })
  expect(parseThing('person:')).toBeNull()
  expect(parseThing(null)).toBeNull()
})
