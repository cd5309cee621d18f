import { describe, expect, test } from 'vitest'
import type { OrderEntry } from '@/api/dispatch'
import type { OrderThread } from '@/api/orders'
import { alarm, order } from '@/testing/things'
import { saidIn, traceOf } from './trace'

const entry = (version: number, more: Partial<OrderEntry>): OrderEntry => ({ version, at: version * 1_000, done_at: null, by: 'hub', state: 'filed', event: null, ...more })
const thread = (more: Partial<OrderThread>): OrderThread => ({ order: order('o'), alarm: null, entries: [], children: [], duplicates: 0, ...more })

describe('the thread of an order', () => {
  const photo = { file: 'f1', role: 'after_near' } as const
  const whole = thread({
    order: order('o', { text: '满溢', attachments: [{ file: 'f0', role: 'report' }, photo] }),
    alarm: alarm('a', { raised_at: 500 }),
    entries: [
      entry(1, {}),
      entry(2, { by: 'dispatcher', state: 'dispatched', event: { act: 'dispatch', to: { to: 'person', user: 'crew' }, reason: '近' } }),
      entry(3, { by: 'crew', state: 'finished', done_at: 1_500, event: { act: 'finish', text: '已清理', attachments: [photo] } }),
      entry(4, { state: 'finished', event: { act: 'overdue', stage: 'check', step: 1 } }),
    ],
  })
  test('goes from sensor over alarm and order to photos and reply', () => {
    expect(traceOf(whole).map((one) => one.kind)).toEqual(['sensor', 'alarm', 'order', 'order', 'reply', 'clock'])
  })
  test('keeps acts in their order though a phone did one earlier offline', () => {
    expect(traceOf(whole).filter((one) => one.entry !== null).map((one) => one.entry?.version)).toEqual([1, 2, 3, 4])
  })
  test('carries words, photos and changes of state', () => {
    const lines = traceOf(whole)
    expect(lines[2]).toMatchObject({ text: '满溢', state: 'filed' })
    expect(lines[2]?.photos.map((one) => one.file)).toEqual(['f0'])
    expect(lines[4]).toMatchObject({ text: '已清理', state: 'finished' })
    expect(lines[4]?.photos).toEqual([photo])
    expect(lines[5]?.state).toBeNull()
  })
  test('takes the alarm’s own timeline where it is known', () => {
    const detail = { timeline: [{ at: 500, kind: 'raised', by: '', text: '' }, { at: 2_500, kind: 'acknowledged', by: 'op', text: '' }] }
    const words = traceOf(whole, detail as never).map((one) => one.word || one.event?.act || 'open')
    expect(words).toEqual(['open', 'raised', 'open', 'dispatch', 'finish', 'acknowledged', 'overdue'])
  })
  test('tells only the last of consequences that gathered one by one', () => {
    const timeline = ['raised', 'gathered', 'gathered', 'gathered', 'acknowledged', 'gathered'].map((kind, n) => ({ at: 500 + n, kind, by: '', text: `${n}` }))
    const lines = traceOf(whole, { timeline } as never).filter((one) => one.kind === 'alarm')
    expect(lines.map((one) => one.word + one.text)).toEqual(['raised0', 'gathered3', 'acknowledged4', 'gathered5'])
  })
})

test('text and reason are both said', () => {
  expect(saidIn({ act: 'reject', reason: '不在辖区' })).toBe('不在辖区')
  expect(saidIn({ act: 'accept' })).toBe('')
})
