import { expect, test } from 'vitest'
import { order } from '@/testing/things'
import { joined, listOf, viewsFor } from './lists'

test('the live form wins where it is newer, and what left the list is gone', () => {
  const stored = [order('a', { state: 'filed', version: 3 }), order('b', { state: 'filed', version: 1 }), order('d', { state: 'filed' })]
  const live = [order('a', { state: 'filed', version: 2, title: 'old' }), order('b', { state: 'dispatched', version: 2 }), order('c', { state: 'filed' })]
  const rows = joined(stored, live, listOf('queue').holds)
  expect(rows.map((one) => [one.id, one.title])).toEqual([
    ['a', ''],
    ['d', ''],
    ['c', ''],
  ])
})

test('each role finds what it can use', () => {
  expect(viewsFor('crew')).toEqual(['open', 'history'])
  expect(viewsFor('clerk')).not.toContain('plan')
  expect(viewsFor('dispatcher')).toContain('plan')
  expect(viewsFor('auditor')).toContain('statistics')
})
