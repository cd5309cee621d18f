/**
 * The phone's thread to the hub: one socket that subscribes to nothing, so that it costs a few bytes a second. Its hello
 * says that the network is back (the outbox runs), a message on it says that there is something to read. Lists are read
 * by HTTP, at hello, at a message, and every `POLL_MS` while the app is seen.
 */
import { shallowRef } from 'vue'
import * as link from '@/live/link'
import { get } from './api'
import { me } from './me'
import { kick, wire } from './outbox/outbox'
import { readOrRecall, refresh } from './orders'
import type { Message } from './api'
import { sendFixes } from './shift'
import { hubSays } from './time'

const POLL_MS = 15_000

export const messages = shallowRef<readonly Message[]>([])
export const unread = shallowRef(0)
export const connected = shallowRef(false)

const mind = link.newLink()
let socket: WebSocket | null = null
let started = false
let polledAt = 0

export async function readMessages(): Promise<void> {
  const page = await readOrRecall('messages', () => get('/api/v1/me/messages', { limit: 100 }))
  if (page === null) return
  messages.value = page.value.items
  unread.value = page.value.items.filter((one) => one.read_at === null).length
}

export async function poll(): Promise<void> {
  polledAt = Date.now()
  await refresh()
  await readMessages()
}

function drop(): void {
  const old = socket
  socket = null
  connected.value = false
  if (old !== null) {
    old.onopen = old.onmessage = old.onclose = null
    old.close()
  }
  link.closed(mind, performance.now(), Math.random())
}

function connect(): void {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  const opened = new WebSocket(`${scheme}://${location.host}/api/v1/live`)
  socket = opened
  opened.onopen = () => opened.send(JSON.stringify({ subscribe: [], bbox: null, resume: null }))
  opened.onmessage = (event: MessageEvent<unknown>) => {
    link.heard(mind, performance.now())
    if (typeof event.data === 'string') hear(event.data)
    if (!connected.value) {
      connected.value = true
      wire.offline = false
      kick(true)
      void sendFixes()
      void poll()
    }
  }
  opened.onclose = () => socket === opened && drop()
}

/** Two things matter of what it says: the hub's time, and that there is a message. */
function hear(text: string): void {
  try {
    const said = JSON.parse(text) as { type?: string; now?: number }
    if (typeof said.now === 'number') hubSays(said.now)
    if (said.type === 'message') void poll()
  } catch {
    // Not ours to judge: a newer hub may speak otherwise.
  }
}

function beat(): void {
  if (me.value === null || document.visibilityState !== 'visible') {
    // A hidden app holds no socket: notices come by push.
    if (socket !== null) drop()
    return
  }
  const act = mind.phase === 'idle' ? link.start(mind, performance.now()) : link.tick(mind, performance.now())
  if (act === 'connect') connect()
  if (act === 'close') drop()
  if (Date.now() - polledAt > POLL_MS && !wire.offline) void poll()
}

export function startLive(): void {
  if (started) return
  started = true
  window.setInterval(beat, 500)
  const hurry = () => {
    if (link.hurry(mind, performance.now()) === 'connect') connect()
  }
  window.addEventListener('online', hurry)
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && hurry())
  beat()
}
