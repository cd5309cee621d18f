/**
 * Notices on the desktop while the page is closed (Web Push): this browser is subscribed for the person who is logged
 * in, after a click and never by itself. The worker that shows them is `/push-sw.js`.
 */
import { shallowReactive } from 'vue'
import { ApiError, read, write } from '@/api/client'
import { t } from '@/i18n'

export type PushState =
  /** Not looked yet. */
  | 'unknown'
  /** This browser, or a page without https, has no Web Push. */
  | 'unable'
  /** The person has forbidden it in the browser. */
  | 'denied'
  | 'off'
  | 'on'

export const push = shallowReactive({ state: 'unknown' as PushState, busy: false, failure: '', said: '' })

/** The key as the browser wants it. */
export function keyBytes(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0))
}

function sameBytes(a: ArrayBuffer | null, b: Uint8Array): boolean {
  if (a === null || a.byteLength !== b.byteLength) return false
  const bytes = new Uint8Array(a)
  return b.every((byte, n) => byte === bytes[n])
}

function able(): boolean {
  return 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window
}

/** The worker of the console: the one whose scope is the whole site, never that of the phone's pages. */
async function worker(): Promise<ServiceWorkerRegistration | undefined> {
  const all = await navigator.serviceWorker.getRegistrations()
  return all.find((one) => new URL(one.scope).pathname === '/')
}

async function subscription(): Promise<PushSubscription | null> {
  return (await (await worker())?.pushManager.getSubscription()) ?? null
}

/** Finds out how things stand; asks the person nothing. */
export async function look(): Promise<void> {
  push.failure = ''
  if (!able()) {
    push.state = 'unable'
    return
  }
  if (Notification.permission === 'denied') {
    push.state = 'denied'
    return
  }
  try {
    const own = await subscription()
    // A browser may be subscribed for somebody who sat here before: the hub knows whose it is.
    const known = own === null ? [] : (await read('/api/v1/push/subscriptions', {})).items
    push.state = known.some((one) => one.endpoint === own?.endpoint) ? 'on' : 'off'
  } catch {
    push.state = 'off'
  }
}

async function act(call: () => Promise<PushState>): Promise<void> {
  if (push.busy) return
  push.busy = true
  push.failure = push.said = ''
  try {
    push.state = await call()
  } catch (error) {
    push.failure = error instanceof ApiError ? (error.status === 0 ? t('common.unreachable') : error.message) : t('notify.push.failed', { why: String(error instanceof Error ? error.message : error) })
  } finally {
    push.busy = false
  }
}

/** From a click: asks for the permission, then subscribes. */
export function turnOn(): Promise<void> {
  return act(async () => {
    const permission = await Notification.requestPermission()
    if (permission !== 'granted') return permission === 'denied' ? 'denied' : 'off'
    const key = keyBytes((await read('/api/v1/push/key', {})).key)
    await navigator.serviceWorker.register('/push-sw.js', { scope: '/' })
    const registration = await navigator.serviceWorker.ready
    let own = await registration.pushManager.getSubscription()
    if (own !== null && !sameBytes(own.options.applicationServerKey, key)) {
      await own.unsubscribe()
      own = null
    }
    own ??= await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
    const { endpoint, keys } = own.toJSON()
    await write('POST /api/v1/push/subscriptions', {
      endpoint: endpoint ?? own.endpoint,
      keys: { p256dh: keys?.p256dh ?? '', auth: keys?.auth ?? '' },
      label: navigator.userAgent,
    })
    return 'on'
  })
}

export function turnOff(): Promise<void> {
  return act(async () => {
    const own = await subscription()
    if (own !== null) {
      await write('DELETE /api/v1/push/subscriptions', { endpoint: own.endpoint })
      await own.unsubscribe()
    }
    return 'off'
  })
}

/** Who leaves takes the notices along: the next person at this desk must not read them. */
export async function leave(): Promise<void> {
  if (!able()) return
  const own = await subscription().catch(() => null)
  if (own === null) return
  await write('DELETE /api/v1/push/subscriptions', { endpoint: own.endpoint }, { quiet: true }).catch(() => undefined)
  push.state = 'off'
}

export function tryIt(): Promise<void> {
  return act(async () => {
    await write('POST /api/v1/push/test', {})
    push.said = t('notify.push.tried')
    return push.state
  })
}

/** A click on a notice shows its page in the console that is open already. */
export function onOpen(go: (path: string) => void): () => void {
  if (!('serviceWorker' in navigator)) return () => undefined
  const hear = (event: MessageEvent<unknown>) => {
    const message = event.data as { type?: unknown; url?: unknown } | null
    if (message?.type === 'greenhub-open' && typeof message.url === 'string' && message.url.startsWith('/')) go(message.url)
  }
  navigator.serviceWorker.addEventListener('message', hear)
  return () => navigator.serviceWorker.removeEventListener('message', hear)
}
