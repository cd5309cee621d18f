import { describe, expect, it } from 'vitest'
import { alarm, device, order, raised, unit } from '@/testing/things'
import { parseMessage, type ServerMessage } from './messages'
import { adoptAlarm, emptyPicture, EVENTS_MAX, noChanges, reduce } from './reducer'

interface Row {
  name: string
  messages: ServerMessage[]
  units?: string[]
  devices?: string[]
  alarms?: string[]
  orders?: string[]
  cursor: number | string | null
  /** Ids named in the changes of the last message. */
  touched?: { units?: string[]; devices?: string[]; alarms?: string[]; orders?: string[] }
}

const first: ServerMessage = {
  type: 'snapshot',
  cursor: 1,
  now: 10,
  units: [unit('P-1'), unit('P-2')],
  devices: [device('F-1')],
  alarms: [alarm('A')],
  orders: [order('W-A')],
}

const rows: Row[] = [
  { name: 'nothing said yet', messages: [], cursor: null },
  {
    name: 'a snapshot is the picture',
    messages: [first],
    units: ['P-1', 'P-2'],
    devices: ['F-1'],
    alarms: ['A'],
    orders: ['W-A'],
    cursor: 1,
    touched: { units: ['P-1', 'P-2'], devices: ['F-1'], alarms: ['A'], orders: ['W-A'] },
  },
  {
    name: 'a delta adds and replaces',
    messages: [first, { type: 'delta', cursor: 2, now: 11, units: [unit('P-2', { lon: 121.5 }), unit('P-3')] }],
    units: ['P-1', 'P-2', 'P-3'],
    devices: ['F-1'],
    alarms: ['A'],
    orders: ['W-A'],
    cursor: 2,
    touched: { units: ['P-2', 'P-3'] },
  },
  {
    name: 'removed ids go, unknown ones change nothing',
    messages: [first, { type: 'delta', cursor: 3, now: 12, removed: { units: ['P-1', 'P-9'], orders: ['W-A'] } }],
    units: ['P-2'],
    devices: ['F-1'],
    alarms: ['A'],
    orders: [],
    cursor: 3,
    touched: { units: ['P-1'], orders: ['W-A'] },
  },
  {
    name: 'an alarm that became normal comes and goes in one message',
    messages: [
      first,
      { type: 'delta', cursor: 4, now: 13, alarms: [alarm('A', { state: 'normal' })], removed: { alarms: ['A'] } },
    ],
    units: ['P-1', 'P-2'],
    devices: ['F-1'],
    alarms: [],
    orders: ['W-A'],
    cursor: 4,
    touched: { alarms: ['A'] },
  },
  {
    name: 'alive moves the cursor and nothing else',
    messages: [first, { type: 'alive', cursor: 5, now: 14 }],
    units: ['P-1', 'P-2'],
    devices: ['F-1'],
    alarms: ['A'],
    orders: ['W-A'],
    cursor: 5,
    touched: {},
  },
  {
    name: 'a second snapshot forgets what it does not name',
    messages: [first, { type: 'snapshot', cursor: 'b7', now: 15, units: [unit('P-2')] }],
    units: ['P-2'],
    devices: [],
    alarms: [],
    orders: [],
    cursor: 'b7',
    touched: { units: ['P-1', 'P-2'], devices: ['F-1'], alarms: ['A'], orders: ['W-A'] },
  },
  {
    name: 'a refusal changes nothing',
    messages: [first, { type: 'error', detail: 'no' }],
    units: ['P-1', 'P-2'],
    devices: ['F-1'],
    alarms: ['A'],
    orders: ['W-A'],
    cursor: 1,
    touched: {},
  },
]

describe('reduce', () => {
  it.each(rows)('$name', (row) => {
    const picture = emptyPicture()
    let changes = noChanges()
    for (const message of row.messages) {
      changes = noChanges()
      reduce(picture, message, changes)
    }
    expect([...picture.units.keys()]).toEqual(row.units ?? [])
    expect([...picture.devices.keys()]).toEqual(row.devices ?? [])
    expect([...picture.alarms.keys()]).toEqual(row.alarms ?? [])
    expect([...picture.orders.keys()]).toEqual(row.orders ?? [])
    expect(picture.cursor).toBe(row.cursor)
    for (const key of ['units', 'devices', 'alarms', 'orders'] as const) {
      expect([...changes[key]].sort(), key).toEqual([...(row.touched?.[key] ?? [])].sort())
    }
  })

  it('takes the floods whole wherever they are named', () => {
    const picture = emptyPicture()
    const flood = { desk: 'plant', title: '处置', flooded: true, at: 1, count: 11 }
    const tell = (message: ServerMessage) => {
      const changes = noChanges()
      reduce(picture, message, changes)
      return [picture.floods.length, changes.floods]
    }
    expect(tell({ ...first, floods: [flood] } as ServerMessage)).toEqual([1, true])
    expect(tell({ type: 'delta', cursor: 2, now: 2 })).toEqual([1, false])
    expect(tell({ type: 'delta', cursor: 3, now: 3, floods: [] })).toEqual([0, true])
    expect(tell({ ...first, floods: [flood] } as ServerMessage)).toEqual([1, true])
    expect(tell(first)).toEqual([0, true])
  })

  it('holds no queue without end while nothing is drawn', () => {
    const picture = emptyPicture()
    const changes = noChanges()
    for (let i = 0; i < 5_000; i += 1) {
      reduce(picture, { type: 'delta', cursor: i, now: i, units: [unit('P-1')], events: [raised('A', i)] }, changes)
    }
    expect(changes.units.size).toBe(1)
    expect(changes.events).toHaveLength(EVENTS_MAX)
    expect(changes.events[EVENTS_MAX - 1]?.position).toBe(4_999)
  })
})

describe('adoptAlarm', () => {
  const table = [
    { name: 'newer answer', known: 5, answer: 6, state: 'acknowledged', changed: true, stands: true },
    { name: 'same position', known: 5, answer: 5, state: 'acknowledged', changed: true, stands: true },
    { name: 'the socket was faster', known: 7, answer: 6, state: 'acknowledged', changed: false, stands: true },
    { name: 'acknowledged after it returned: over', known: 5, answer: 6, state: 'normal', changed: true, stands: false },
  ] as const
  it.each(table)('$name', (row) => {
    const picture = emptyPicture()
    picture.alarms.set('A', alarm('A', { last_position: row.known }))
    const changes = noChanges()
    expect(adoptAlarm(picture, alarm('A', { last_position: row.answer, state: row.state }), changes)).toBe(row.changed)
    expect(picture.alarms.has('A')).toBe(row.stands)
    expect(changes.alarms.has('A')).toBe(row.changed)
  })
})

describe('parseMessage', () => {
  const table: [string, string, string | null][] = [
    ['a delta', '{"type":"delta","cursor":1,"now":2}', 'delta'],
    ['alive', '{"type":"alive","cursor":"x","now":2}', 'alive'],
    ['an error', '{"type":"error","detail":"no"}', 'error'],
    ['a delta without a cursor', '{"type":"delta","now":2}', null],
    ['a delta without the time', '{"type":"delta","cursor":1}', null],
    ['another type', '{"type":"hello","cursor":1,"now":2}', null],
    ['not an object', '7', null],
    ['null', 'null', null],
    ['not JSON', '{"type":', null],
  ]
  it.each(table)('%s', (_, text, type) => {
    expect(parseMessage(text)?.type ?? null).toBe(type)
  })
})
