import { describe, expect, it } from 'vitest'
import type { Notification } from '@/api/report'
import type { Alarm } from '@/api/types'
import { alarm } from '@/testing/things'
import { calls, KEPT_MAX, merged, pageOf, soundOf, waiting, worst } from './bellRule'
import { keyBytes } from './push'

type Kind = Notification['notice']['kind']

function told(seq: number, kind: Kind, ids: string[] = [], more: Partial<Notification['notice']> = {}): Notification {
  const alarms = ids.map((id) => ({ alarm: id, device: 'P-1', device_name: '', class: 'charger' as const, code: 'SMOKE', title: '烟雾', priority: 'P1' as const, sub_district: '', firing: true, called_at: 0 }))
  return { seq, at: seq, notice: { id: String(seq), kind, at: seq, route: 'r', route_title: '', group: {}, priority: ids.length > 0 ? 'P1' : null, title: '', text: '', alarms, total: ids.length, push: null, ...more } }
}
const picture = new Map<string, Alarm>([
  ['new', alarm('new', { state: 'unacknowledged' })],
  ['seen', alarm('seen', { state: 'acknowledged' })],
])

describe('the bell', () => {
  it('keeps each notice once, in order, and not for ever', () => {
    const first = merged([], [told(2, 'firing'), told(1, 'firing')])
    expect(first.map((one) => one.seq)).toEqual([1, 2])
    expect(merged(first, [told(2, 'firing'), told(3, 'firing')]).map((one) => one.seq)).toEqual([1, 2, 3])
    const many = Array.from({ length: KEPT_MAX + 7 }, (_, n) => told(n, 'firing'))
    expect(merged(first, many).map((one) => one.seq)).toHaveLength(KEPT_MAX)
    expect(merged(first, many).at(-1)?.seq).toBe(KEPT_MAX + 6)
  })

  it('is quiet once somebody has acknowledged', () => {
    for (const [one, asks, sound] of [
      [told(1, 'firing', ['new']), true, 'P1'],
      [told(1, 'repeat', ['seen', 'new']), true, 'P1'],
      [told(1, 'firing', ['seen']), false, null],
      [told(1, 'escalation', ['seen']), false, null],
      [told(1, 'resolved', ['new']), false, null],
      [told(1, 'message'), true, 'P3'],
      [told(1, 'message', [], { push: { url: '/orders', tag: '', urgency: 'high' } }), true, 'P2'],
    ] as const) {
      expect(calls(one, picture, 0), one.notice.kind).toBe(asks)
      expect(soundOf(one, picture), one.notice.kind).toBe(sound)
    }
    expect(calls(told(1, 'message'), picture, 1)).toBe(false)
    expect(soundOf(told(1, 'firing', ['elsewhere']), new Map())).toBe('P1')
    expect(waiting(told(1, 'firing', ['seen', 'new', 'gone']), picture)).toEqual(['new'])
  })

  it('takes the colour of the worst unread that still asks', () => {
    const list = [told(1, 'firing', ['new']), told(2, 'firing', ['new'], { priority: 'P2' }), told(3, 'firing', ['seen'])]
    expect(worst(list, picture, 0)).toBe('P1')
    expect(worst(list, picture, 1)).toBe('P2')
    expect(worst(list, picture, 2)).toBeNull()
  })

  it('leads to pages of the hub only', () => {
    expect(pageOf(told(1, 'firing', ['A B']))).toBe('/alarms?sel=A%20B')
    expect(pageOf(told(1, 'message', [], { push: { url: '/orders?order=1', tag: '', urgency: 'high' } }))).toBe('/orders?order=1')
    expect(pageOf(told(1, 'message', [], { push: { url: '//evil.example', tag: '', urgency: 'high' } }))).toBeNull()
    expect(pageOf(told(1, 'message', [], { push: { url: 'https://evil.example', tag: '', urgency: 'high' } }))).toBeNull()
    expect(pageOf(told(1, 'test'))).toBeNull()
  })

  it('reads the key of the hub', () => {
    expect([...keyBytes('-__-')]).toEqual([0xfb, 0xff, 0xfe])
  })
})
