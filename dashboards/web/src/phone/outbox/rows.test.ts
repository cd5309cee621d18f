import { expect, test } from 'vitest'
import { afterAnswer, backoffMs, dueAt, fallWith, inOrder, leansOn, meaning, nextRow, tryAgain, wholeBody, type Row } from './rows'

const row = (id: string, seq: number, more: Partial<Row> = {}): Row => ({
  id,
  seq,
  user: 'crew',
  kind: 'act',
  method: 'POST',
  path: '/api/v1/orders/o/acts',
  body: { event: { act: 'accept' } },
  photos: [],
  title: 'o',
  order: 'o',
  act: 'accept',
  createdAt: 1_000,
  tries: 0,
  nextAt: 0,
  dependsOn: null,
  state: 'waiting',
  problem: null,
  ...more,
})

test.each([
  [200, 'done'], [201, 'done'], [204, 'done'], [0, 'later'], [401, 'login'], [408, 'later'], [423, 'later'], [425, 'later'], [429, 'later'],
  [500, 'later'], [503, 'later'], [400, 'final'], [403, 'final'], [404, 'final'], [409, 'final'], [413, 'final'], [415, 'final'], [422, 'final'],
])('status %i means %s', (status, want) => expect(meaning(status)).toBe(want))

test('rows go as they were done, a call for help before all', () => {
  const rows = [row('b', 2), row('a', 1), row('help', 9, { kind: 'sos' })]
  expect(inOrder(rows).map((one) => one.id)).toEqual(['help', 'a', 'b'])
})

test('a row waits for the one it builds on, another order does not', () => {
  const rows = [row('a', 1, { nextAt: 500 }), row('b', 2, { dependsOn: 'a' }), row('c', 3, { order: 'p' })]
  expect(nextRow(rows, 100)?.id).toBe('c')
  expect(nextRow(rows, 500)?.id).toBe('a')
  expect(nextRow(rows.slice(1), 100)?.id, 'the first has left').toBe('b')
  expect(dueAt(rows.slice(0, 2))).toBe(500)
  expect(dueAt([])).toBeNull()
})

test('a new act builds on the last waiting one of its order', () => {
  const rows = [row('a', 1), row('b', 2), row('c', 3, { order: 'p' }), row('d', 4, { state: 'refused' })]
  expect(leansOn(rows, 'o')).toBe('b')
  expect(leansOn(rows, 'q')).toBeNull()
})

test('a refusal takes with it what builds on it, and nothing else', () => {
  const rows = [row('a', 1), row('b', 2, { dependsOn: 'a' }), row('c', 3, { dependsOn: 'b' }), row('d', 4)]
  const fallen = fallWith(rows, 'a')
  expect(fallen.map((one) => [one.id, one.state, one.problem?.status])).toEqual([['b', 'refused', 424], ['c', 'refused', 424]])
  expect(tryAgain(fallen[0]!, 7)).toMatchObject({ state: 'waiting', problem: null, nextAt: 7, tries: 0 })
})

test('each try waits longer, never more than a minute; the hub may name the wait', () => {
  expect(backoffMs(0, 0)).toBe(1_000)
  expect(backoffMs(3, 0)).toBe(8_000)
  expect(backoffMs(99, 0)).toBe(60_000)
  expect(backoffMs(0, 1)).toBe(700)
  const answer = { status: 503, detail: '', retryAfterS: null }
  expect(afterAnswer(row('a', 1, { tries: 2 }), answer, 10_000, 0)).toMatchObject({ tries: 3, nextAt: 14_000, state: 'waiting' })
  expect(afterAnswer(row('a', 1), { ...answer, retryAfterS: 30 }, 10_000, 0)).toMatchObject({ nextAt: 40_000 })
  expect(afterAnswer(row('a', 1), { status: 401, detail: '', retryAfterS: null }, 10_000, 0)).toMatchObject({ tries: 0, state: 'waiting' })
  expect(afterAnswer(row('a', 1), { status: 409, detail: '已被接单', retryAfterS: null }, 10_000, 0)).toMatchObject({
    state: 'refused',
    problem: { status: 409, detail: '已被接单' },
  })
})

test('photos become attachments where the body wants them', () => {
  const files = new Map([['p1', 'f1'], ['p2', 'f2']])
  const photos = [{ photo: 'p1', role: 'before_near' as const }, { photo: 'p2', role: 'after_far' as const }]
  const act = wholeBody(row('a', 1, { body: { event: { act: 'finish', text: '好了' } }, photos }), files, 9_000)
  expect(act).toEqual({
    request_id: 'a',
    event: { act: 'finish', text: '好了', attachments: [{ file: 'f1', role: 'before_near' }, { file: 'f2', role: 'after_far' }] },
  })
  const report = wholeBody(row('b', 2, { kind: 'report', body: { form: { title: 'x' } }, photos: [photos[0]!] }), files, 9_000)
  expect(report).toEqual({ request_id: 'b', form: { title: 'x', attachments: [{ file: 'f1', role: 'before_near' }] } })
  expect(() => wholeBody(row('a', 1, { photos }), new Map(), 0)).toThrow(/not uploaded/)
})

test('a phone that was ahead of the hub does not report from the future', () => {
  const act = wholeBody(row('a', 1, { body: { event: { act: 'accept' }, done_at: 9_500 } }), new Map(), 9_000)
  expect(act.done_at).toBe(9_000)
  const report = wholeBody(row('b', 2, { kind: 'report', body: { at: 9_500, form: { seen_at: 9_400 } } }), new Map(), 9_000)
  expect(report).toEqual({ request_id: 'b', at: 9_000, form: { seen_at: 9_000 } })
  const earlier = wholeBody(row('a', 1, { body: { event: { act: 'accept' }, done_at: 8_000 } }), new Map(), 9_000)
  expect(earlier.done_at, 'an earlier time stays').toBe(8_000)
})

test('a call for help carries no key that the positions would refuse', () => {
  expect(wholeBody(row('s', 1, { kind: 'sos', body: { fixes: [] } }), new Map(), 0)).toEqual({ fixes: [] })
})
