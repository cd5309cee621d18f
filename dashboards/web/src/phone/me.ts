/** Who has this phone. Known without network too: the session's name is kept, and the hub is asked when it can be. */
import { computed, shallowRef } from 'vue'
import { ApiError, closeSession, get, openSession, type SessionUser } from './api'
import { follow, store } from './outbox/outbox'
import { forgetKept } from './outbox/store'
import { turnOff } from './push'

const KEPT = 'greenhub.phone.me'

function kept(): SessionUser | null {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? 'null') as SessionUser | null
  } catch {
    return null
  }
}

export const me = shallowRef<SessionUser | null>(kept())
/** The hub said that the session is over; the person may look and do, sending waits for the login. */
export const expired = shallowRef(false)
export const myName = computed(() => (me.value === null ? '' : me.value.name || me.value.username))

function remember(user: SessionUser | null): void {
  if (user === null) localStorage.removeItem(KEPT)
  else localStorage.setItem(KEPT, JSON.stringify(user))
  me.value = user
}

/** Asks the hub once at the start; without an answer the kept name holds. */
export async function askWho(): Promise<SessionUser | null> {
  try {
    const user = await get('/api/v1/session', {})
    if (me.value !== null && me.value.username !== user.username) await forgetEverything()
    remember(user)
    expired.value = false
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) expired.value = me.value !== null
  }
  await follow(me.value?.username ?? null)
  return me.value
}

export class MustChange extends Error {}

export async function login(username: string, password: string): Promise<void> {
  const session = await openSession(username, password)
  if (session.must_change_password) throw new MustChange()
  const user = { ...session.user, expires_at: session.expires_at }
  if (me.value !== null && me.value.username !== user.username) await forgetEverything()
  remember(user)
  expired.value = false
  await follow(user.username)
}

async function forgetEverything(): Promise<void> {
  await forgetKept(await store())
  navigator.serviceWorker?.controller?.postMessage('forget')
}

/** What is not sent stays on the phone for its owner; copies of what was read go. */
export async function logout(): Promise<void> {
  await turnOff().catch(() => undefined)
  await closeSession()
  await forgetEverything()
  await follow(null)
  remember(null)
  expired.value = false
}
