/** What the live socket says, in both directions (docs/api.md, "Live"). */
import type { Notification } from '@/api/report'
import type { Alarm, AlarmEvent, DeviceView, Flood, Order, UnitView } from '@/api/types'

/** Where a viewer stands in the hub's change log; opaque to the page. */
export type Cursor = number | string

export type Topic = 'units' | 'devices' | 'alarms' | 'orders' | 'notices'

export interface Subscribe {
  subscribe: Topic[]
  bbox: [number, number, number, number] | null
  resume: Cursor | null
  max_rate_hz?: number
}

interface Entities {
  units?: UnitView[]
  devices?: DeviceView[]
  alarms?: Alarm[]
  orders?: Order[]
  /** Desks in flood: all of them, wherever the member is there. */
  floods?: Flood[]
}

export interface Snapshot extends Entities {
  type: 'snapshot'
  cursor: Cursor
  now: number
}

export interface Delta extends Entities {
  type: 'delta'
  cursor: Cursor
  now: number
  events?: AlarmEvent[]
  removed?: { units?: string[]; devices?: string[]; alarms?: string[]; orders?: string[] }
}

export interface Alive {
  type: 'alive'
  cursor: Cursor
  now: number
}

/** What the person is told; with `look` more may have come than this, the list knows. */
export interface Told {
  type: 'notices'
  now: number
  items: Notification[]
  look: boolean
}

export interface Refused {
  type: 'error'
  detail: string
}

export type ServerMessage = Snapshot | Delta | Alive | Told | Refused

/** Reads one text frame; `null` for anything that is none of the five messages. */
export function parseMessage(text: string): ServerMessage | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const message = value as Partial<ServerMessage>
  if (message.type === 'error') return { type: 'error', detail: String(message.detail ?? '') }
  if (message.type === 'notices') return Array.isArray(message.items) && typeof message.now === 'number' ? (message as Told) : null
  if (message.type !== 'snapshot' && message.type !== 'delta' && message.type !== 'alive') return null
  if (message.cursor === undefined || typeof message.now !== 'number') return null
  return message as ServerMessage
}
