/**
 * Notices while the app is closed: this phone's browser is subscribed for the person who is logged in, by their own
 * switch and never by itself. The app's worker takes in the notifier's script, so one registration does both.
 */
import { shallowRef } from 'vue'
import { request } from './api'
import { t } from './words'

export const push = shallowRef<'unable' | 'denied' | 'off' | 'on'>('unable')
export const failure = shallowRef('')

async function registration(): Promise<ServiceWorkerRegistration | undefined> {
  return navigator.serviceWorker?.getRegistration('/m/')
}

/** Finds out how things stand; asks the person nothing. */
export async function look(): Promise<void> {
  const own = await registration()
  if (own?.pushManager === undefined || typeof Notification === 'undefined') return
  if (Notification.permission === 'denied') push.value = 'denied'
  else push.value = (await own.pushManager.getSubscription()) === null ? 'off' : 'on'
}

function bytes(base64url: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64url.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0))
}

async function turnOn(own: ServiceWorkerRegistration): Promise<void> {
  if ((await Notification.requestPermission()) !== 'granted') return look()
  const said = await request('GET', '/api/v1/push/key', null)
  const key = (said.body as { key?: string } | null)?.key
  if (said.status !== 200 || key === undefined) throw new Error(said.detail || t('login.unreachable'))
  const made = await own.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) })
  const { endpoint, keys } = made.toJSON()
  const kept = await request('POST', '/api/v1/push/subscriptions', { endpoint, keys: { p256dh: keys?.p256dh ?? '', auth: keys?.auth ?? '' }, label: navigator.userAgent.slice(0, 200) })
  if (kept.status < 200 || kept.status >= 300) {
    await made.unsubscribe()
    throw new Error(kept.detail || t('login.unreachable'))
  }
  push.value = 'on'
}

/** Whoever leaves takes the notices along: the next person with this phone must not read them. */
export async function turnOff(): Promise<void> {
  const made = await (await registration())?.pushManager?.getSubscription()
  if (made === null || made === undefined) return
  await request('DELETE', '/api/v1/push/subscriptions', { endpoint: made.endpoint })
  await made.unsubscribe()
  push.value = 'off'
}

export async function turn(on: boolean): Promise<void> {
  failure.value = ''
  const own = await registration()
  if (own === undefined) return
  try {
    await (on ? turnOn(own) : turnOff())
  } catch (error) {
    failure.value = t('mine.pushFailed', { why: error instanceof Error ? error.message : String(error) })
  }
}

/** A tap on a notice shows its order in the app that is open already. */
export function onOpen(go: (path: string) => void): void {
  navigator.serviceWorker?.addEventListener('message', (event: MessageEvent<unknown>) => {
    const message = event.data as { type?: unknown; url?: unknown } | null
    if (message?.type === 'greenhub-open' && typeof message.url === 'string') go(appPath(message.url))
  })
}

/** Where in this app an address of the hub is: orders here, everything else to the messages. */
export function appPath(url: string): string {
  if (url.startsWith('/m/')) return url.slice(2)
  const order = /^\/orders\/([^/?#]+)/.exec(url)?.[1] ?? new URLSearchParams(url.split('?')[1] ?? '').get('order')
  return order === null || order === undefined ? '/messages' : `/orders/${order}`
}
