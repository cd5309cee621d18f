/**
 * The live client: one WebSocket for the whole page, its picture, and one batch of changes per drawn frame.
 *
 * Lives outside Vue's reactivity. Three kinds of reader:
 * - drawing code subscribes with `onFrame` and gets the ids that changed;
 * - lists read `versions.alarms` (a shallow ref that ticks at most once a frame) and then the picture itself;
 * - the header reads `status`, which changes at most four times a second.
 */
import { shallowReactive, shallowRef } from 'vue'
import type { Notification } from '@/api/report'
import type { Alarm, Order } from '@/api/types'
import { hubTime, newClock, sample } from './clock'
import * as link from './link'
import { parseMessage, type Cursor, type Subscribe } from './messages'
import { troubles } from './troubles'
import { adoptAlarm, adoptOrder as takeOrder, emptyPicture, noChanges, reduce, type Changes, type Picture } from './reducer'

export const picture: Picture = emptyPicture()

export const versions = {
  units: shallowRef(0),
  devices: shallowRef(0),
  alarms: shallowRef(0),
  orders: shallowRef(0),
  floods: shallowRef(0),
}

export const status = shallowReactive({
  state: 'stopped' as link.LinkState,
  /** Delay of the newest message, ms. */
  delayMs: 0,
  /** Since the newest message, ms. */
  silentMs: 0,
  /** Our clock minus the hub's, ms. */
  skewMs: 0,
  /** Messages of this page's life. */
  messages: 0,
  /** A snapshot has been seen. */
  ready: false,
})

let clock = newClock()
const PRESENT = '/api/v1/live'
let path = PRESENT
/** The clock of a past moment: what it showed when it was last asked, and how fast it plays. */
let playing: { now: number; asked: number; speed: number } | null = null
const mind = link.newLink()
let socket: WebSocket | null = null
let changes: Changes = noChanges()
let frame = 0
let timer = 0
let users = 0
let statusAt = 0
let sessionCheck: () => Promise<boolean> = () => Promise.resolve(true)

type FrameReader = (changes: Changes) => void
const readers = new Set<FrameReader>()

/** The hub's time now. */
export function now(): number {
  if (playing !== null) return playing.now + (Date.now() - playing.asked) * playing.speed
  return hubTime(clock, Date.now())
}

/** Follows the clock of a past moment from here on; null follows the hub's again. */
export function play(moment: { now: number; speed: number } | null): void {
  playing = moment === null ? null : { ...moment, asked: Date.now() }
}

/** Listens to another socket that speaks like the live one: a past moment, or the present again. */
export function tune(to: string | null): void {
  const next = to ?? PRESENT
  if (next === path) return
  path = next
  clock = newClock()
  forget()
  if (mind.phase === 'idle' || mind.phase === 'stopped') return
  drop()
  perform(link.start(mind, performance.now()))
}

export type Held = Cursor | null

export function cursor(): Held {
  return picture.cursor
}

/** Calls `reader` once per frame in which something changed. Returns how to stop. */
export function onFrame(reader: FrameReader): () => void {
  readers.add(reader)
  return () => readers.delete(reader)
}

type NoticeReader = (items: readonly Notification[], look: boolean) => void
const noticeReaders = new Set<NoticeReader>()

/** Calls `reader` with what the person is told, as it comes. Returns how to stop. */
export function onNotices(reader: NoticeReader): () => void {
  noticeReaders.add(reader)
  return () => noticeReaders.delete(reader)
}

/** Whether the socket that is open tells of notices: a past moment does not. */
export function tellsNotices(): boolean {
  return path === PRESENT && mind.phase === 'connected'
}

function schedule(): void {
  if (frame === 0) frame = requestAnimationFrame(flush)
}

function flush(): void {
  frame = 0
  const batch = changes
  changes = noChanges()
  if (batch.alarms.size > 0) troubles.update(picture.alarms.values())
  for (const reader of readers) reader(batch)
  if (batch.units.size > 0) versions.units.value += 1
  if (batch.devices.size > 0) versions.devices.value += 1
  if (batch.alarms.size > 0) versions.alarms.value += 1
  if (batch.orders.size > 0) versions.orders.value += 1
  if (batch.floods) versions.floods.value += 1
}

function showStatus(force: boolean): void {
  const at = performance.now()
  status.state = link.shownState(mind)
  if (!force && at - statusAt < 250) return
  statusAt = at
  status.delayMs = clock.delay
  status.silentMs = mind.phase === 'connected' ? at - mind.since : 0
  status.skewMs = clock.count === 0 ? 0 : clock.offset
}

function perform(act: link.LinkAct): void {
  if (act === 'connect') connect()
  if (act === 'close') drop()
}

function drop(): void {
  const old = socket
  socket = null
  if (old !== null) {
    old.onopen = old.onmessage = old.onclose = null
    old.close()
  }
  link.closed(mind, performance.now(), Math.random())
  showStatus(true)
}

function connect(): void {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  const opened = new WebSocket(`${scheme}://${location.host}${path}`)
  socket = opened
  let spoke = false
  opened.onopen = () => {
    const hello: Subscribe = {
      subscribe: ['units', 'devices', 'alarms', 'orders', 'notices'],
      bbox: null,
      resume: picture.cursor,
    }
    opened.send(JSON.stringify(hello))
  }
  opened.onmessage = (event: MessageEvent<unknown>) => {
    const message = typeof event.data === 'string' ? parseMessage(event.data) : null
    if (message === null) return
    spoke = true
    if (message.type === 'error') {
      // The hub could not read our cursor: begin anew with a snapshot.
      picture.cursor = null
      drop()
      return
    }
    link.heard(mind, performance.now())
    sample(clock, Date.now(), message.now)
    if (message.type === 'notices') {
      for (const reader of noticeReaders) reader(message.items, message.look)
      return
    }
    reduce(picture, message, changes)
    if (message.type === 'snapshot') status.ready = true
    status.messages += 1
    showStatus(false)
    if (message.type !== 'alive') schedule()
  }
  opened.onclose = () => {
    if (socket !== opened) return
    drop()
    // A refused upgrade has no reason in the browser: ask whether the session ended.
    if (!spoke) void sessionCheck().then((stands) => stands || stopNow())
  }
  showStatus(true)
}

function stopNow(): void {
  perform(link.stop(mind))
  window.clearInterval(timer)
  timer = 0
  showStatus(true)
}

function hurry(): void {
  if (document.visibilityState !== 'visible') return
  // A connect that began while the network was away may hang in retransmission: begin a fresh one.
  if (mind.phase === 'connecting' && performance.now() - mind.since > 500) drop()
  perform(link.hurry(mind, performance.now()))
}

function heartbeat(): void {
  perform(link.tick(mind, performance.now()))
  showStatus(true)
}

/** Opens the link for as long as somebody holds it. */
export function hold(check: () => Promise<boolean>): () => void {
  sessionCheck = check
  users += 1
  if (users === 1 || mind.phase === 'stopped') {
    window.addEventListener('online', hurry)
    document.addEventListener('visibilitychange', hurry)
    timer = window.setInterval(heartbeat, 250)
    perform(link.start(mind, performance.now()))
  }
  return () => {
    users -= 1
    if (users > 0) return
    window.removeEventListener('online', hurry)
    document.removeEventListener('visibilitychange', hurry)
    stopNow()
  }
}

/** Forgets everything: another person logs in. */
export function forget(): void {
  for (const key of ['units', 'devices', 'alarms', 'orders'] as const) {
    for (const id of picture[key].keys()) changes[key].add(id)
    picture[key].clear()
  }
  picture.floods = []
  changes.floods = true
  picture.cursor = null
  status.ready = false
  schedule()
}

/** Takes the answer of a command into the picture at once. */
export function adopt(alarm: Alarm): void {
  if (adoptAlarm(picture, alarm, changes)) schedule()
}

/** Takes the answer of an act on an order into the picture at once. */
export function adoptOrder(order: Order): void {
  if (takeOrder(picture, order, changes)) schedule()
}
