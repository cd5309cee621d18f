/**
 * The live picture and the one function that changes it.
 *
 * ```text
 * snapshot  replaces the whole picture: what it does not name is gone
 * delta     each entity whole and newest; `removed` is applied after the rest (an alarm that became normal comes as
 *           such and is removed in the same message)
 * alive     moves the cursor's clock, nothing else
 * ```
 *
 * The picture is plain Maps, mutated in place: at ten deltas a second over 20,000 devices a copy per message would be
 * the page's main cost. Nothing here reads a clock, a socket or Vue; what changed goes into `Changes`, which collects
 * over several messages until a frame is drawn and so is bounded by the number of entities, not of messages.
 */
import { OPEN_STATES } from '@/api/dispatch'
import type { Alarm, AlarmEvent, DeviceView, Flood, Order, UnitView } from '@/api/types'
import type { Cursor, ServerMessage } from './messages'

export interface Picture {
  cursor: Cursor | null
  /** The hub's clock in the newest message. */
  now: number
  units: Map<string, UnitView>
  devices: Map<string, DeviceView>
  alarms: Map<string, Alarm>
  orders: Map<string, Order>
  /** Desks in flood now. */
  floods: readonly Flood[]
}

/** Ids touched since the last frame; an id that is no longer in the picture was removed. */
export interface Changes {
  units: Set<string>
  devices: Set<string>
  alarms: Set<string>
  orders: Set<string>
  events: AlarmEvent[]
  /** Some flood began or ended. */
  floods: boolean
}

/** Most alarm events kept between two frames (a hidden page draws none); the oldest go first. */
export const EVENTS_MAX = 500

export function emptyPicture(): Picture {
  return { cursor: null, now: 0, units: new Map(), devices: new Map(), alarms: new Map(), orders: new Map(), floods: [] }
}

export function noChanges(): Changes {
  return { units: new Set(), devices: new Set(), alarms: new Set(), orders: new Set(), events: [], floods: false }
}

interface Entity {
  id: string
}

function replaceAll<T extends Entity>(into: Map<string, T>, items: readonly T[] | undefined, touched: Set<string>): void {
  for (const id of into.keys()) touched.add(id)
  into.clear()
  upsert(into, items, touched)
}

function upsert<T extends Entity>(into: Map<string, T>, items: readonly T[] | undefined, touched: Set<string>): void {
  if (items === undefined) return
  for (const item of items) {
    into.set(item.id, item)
    touched.add(item.id)
  }
}

function remove<T>(from: Map<string, T>, ids: readonly string[] | undefined, touched: Set<string>): void {
  if (ids === undefined) return
  for (const id of ids) {
    if (from.delete(id)) touched.add(id)
  }
}

/** A standing alarm is one the operator still has to know of. */
export function stands(alarm: Alarm): boolean {
  return alarm.state !== 'normal'
}

export function reduce(picture: Picture, message: ServerMessage, changes: Changes): void {
  switch (message.type) {
    case 'error':
    case 'notices':
      return
    case 'alive':
      break
    case 'snapshot':
      replaceAll(picture.units, message.units, changes.units)
      replaceAll(picture.devices, message.devices, changes.devices)
      replaceAll(picture.alarms, message.alarms, changes.alarms)
      replaceAll(picture.orders, message.orders, changes.orders)
      picture.floods = message.floods ?? []
      changes.floods = true
      break
    case 'delta':
      upsert(picture.units, message.units, changes.units)
      upsert(picture.devices, message.devices, changes.devices)
      upsert(picture.alarms, message.alarms, changes.alarms)
      upsert(picture.orders, message.orders, changes.orders)
      remove(picture.units, message.removed?.units, changes.units)
      remove(picture.devices, message.removed?.devices, changes.devices)
      remove(picture.alarms, message.removed?.alarms, changes.alarms)
      remove(picture.orders, message.removed?.orders, changes.orders)
      if (message.floods !== undefined) {
        picture.floods = message.floods
        changes.floods = true
      }
      if (message.events !== undefined) {
        changes.events.push(...message.events)
        if (changes.events.length > EVENTS_MAX) changes.events.splice(0, changes.events.length - EVENTS_MAX)
      }
      break
  }
  picture.cursor = message.cursor
  picture.now = message.now
}

/**
 * Takes the answer of a command (for example an acknowledgement) into the picture, unless the socket has already told
 * something newer. Returns whether it changed anything.
 */
export function adoptAlarm(picture: Picture, alarm: Alarm, changes: Changes): boolean {
  const known = picture.alarms.get(alarm.id)
  if (known !== undefined && known.last_position > alarm.last_position) return false
  if (stands(alarm)) picture.alarms.set(alarm.id, alarm)
  else if (!picture.alarms.delete(alarm.id)) return false
  changes.alarms.add(alarm.id)
  return true
}

/** Takes the order that an act answered with, unless something newer is known. Closed ones leave the picture. */
export function adoptOrder(picture: Picture, order: Order, changes: Changes): boolean {
  const known = picture.orders.get(order.id)
  if (known !== undefined && known.version > order.version) return false
  if (OPEN_STATES.includes(order.state)) picture.orders.set(order.id, order)
  else if (!picture.orders.delete(order.id)) return false
  changes.orders.add(order.id)
  return true
}
