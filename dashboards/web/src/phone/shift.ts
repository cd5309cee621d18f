/**
 * On shift or not, and while on shift the person's positions: kept first, then sent in batches, so that a tunnel leaves
 * a gap in nobody's track. The screen stays lit while on shift where the person wants it (a dark browser is not told
 * where it is).
 */
import { shallowRef, watch } from 'vue'
import { get, request, type Fix } from './api'
import { me } from './me'
import { put, rows, store } from './outbox/outbox'
import { dropFixes, keep, kept, putFix, someFixes } from './outbox/store'
import { freshFix, onFix, watchPlace } from './place'

/** A fix is kept when so much time went by, or so much ground. */
const EVERY_MS = 10_000
/** Who stands still is told nothing by the browser; after so long the place is asked for, lest the unit seem lost. */
const STILL_MS = 30_000
const BATCH_MAX = 100
const SEND_EVERY_MS = 15_000

export const onShift = shallowRef(false)
export const since = shallowRef<number | null>(null)
export const fixesWaiting = shallowRef(0)
export const keepAwake = shallowRef(localStorage.getItem('greenhub.phone.awake') !== 'no')
watch(keepAwake, (on) => {
  localStorage.setItem('greenhub.phone.awake', on ? 'yes' : 'no')
  void light()
})

let lastKept: Fix | null = null
let timer = 0
let lock: WakeLockSentinel | null = null
let sending = false

const key = (): string => `${me.value?.username ?? ''}:shift`

/** What the hub knows, or what we last did. */
export async function recallShift(): Promise<void> {
  const known = await kept<{ on: boolean; since: number | null }>(await store(), key())
  if (known !== null) adopt(known.value)
  try {
    const view = await get('/api/v1/me/shift', {})
    // An own switch on its way counts more than what the hub has not heard yet.
    if (!rows.value.some((row) => row.kind === 'shift' && row.state === 'waiting')) await set(view.on, view.since)
  } catch {
    // Without an answer the kept state holds.
  }
}

function adopt(view: { on: boolean; since: number | null }): void {
  onShift.value = view.on
  since.value = view.since
  void light()
  if (view.on) watchPlace()
}

async function set(on: boolean, at: number | null): Promise<void> {
  adopt({ on, since: at })
  await keep(await store(), key(), { on, since: at }, Date.now())
}

export async function switchShift(on: boolean): Promise<void> {
  await put({ kind: 'shift', path: '/api/v1/me/shift', body: { on }, title: '', act: on ? 'on' : 'off' })
  await set(on, Date.now())
  if (on) void keepStill()
  if (on) void navigator.storage?.persist?.()
}

onFix((fix) => {
  if (onShift.value && (lastKept === null || fix.time - lastKept.time >= EVERY_MS)) void keepFix(fix)
})

async function keepFix(fix: Fix): Promise<void> {
  const user = me.value?.username
  if (user === undefined) return
  lastKept = fix
  await putFix(await store(), user, fix)
  await count()
}

/** Keeps the place of somebody on shift of whom no fix was kept for long, or none since the switch. */
async function keepStill(): Promise<void> {
  const now = Date.now()
  if (!onShift.value || (lastKept !== null && now - lastKept.time < STILL_MS)) return
  const fix = await freshFix(STILL_MS, 5_000, now)
  if (fix !== null && onShift.value && now - fix.time < STILL_MS && fix.time > (lastKept?.time ?? 0)) await keepFix(fix)
}

async function count(): Promise<void> {
  fixesWaiting.value = await (await store()).count('fixes')
}

/**
 * Sends what waits, oldest first; a batch that the hub will not have is dropped, for it would block all after it. Nothing
 * goes while the switch itself is on its way: to the hub these would be positions of somebody off shift.
 */
export async function sendFixes(): Promise<void> {
  const user = me.value?.username
  if (user === undefined || sending || rows.value.some((row) => row.kind === 'shift' && row.state === 'waiting')) return
  sending = true
  try {
    const db = await store()
    await keepStill()
    for (;;) {
      const { keys, fixes } = await someFixes(db, user, BATCH_MAX)
      if (fixes.length === 0) break
      const { status } = await request('POST', '/api/v1/me/positions', { fixes })
      const bad = status === 400 || status === 413 || status === 422
      if (status !== 200 && status !== 204 && !bad) break
      await dropFixes(db, keys)
    }
    await count()
  } finally {
    sending = false
  }
}

/** The screen stays lit; the browser drops the lock whenever the page is hidden, so it is taken again when seen. */
async function light(): Promise<void> {
  const wanted = onShift.value && keepAwake.value && document.visibilityState === 'visible'
  if (!wanted) {
    const old = lock
    lock = null
    await old?.release().catch(() => undefined)
    return
  }
  if (lock !== null && !lock.released) return
  try {
    lock = (await navigator.wakeLock?.request('screen')) ?? null
  } catch {
    // A low battery may refuse; the app works without.
  }
}

export function startShift(): void {
  if (timer !== 0) return
  document.addEventListener('visibilitychange', () => void light())
  window.addEventListener('online', () => void sendFixes())
  timer = window.setInterval(() => void sendFixes(), SEND_EVERY_MS)
}

/** A call for help: kept, sent before all else. `on: false` takes it back; the desk sees both. */
export async function callForHelp(fix: Fix, on: boolean): Promise<void> {
  await put({
    kind: 'sos',
    path: '/api/v1/me/positions',
    body: { fixes: [{ ...fix, time: Date.now(), sos: on }] },
    title: '',
    act: on ? 'sos' : 'sos_off',
  })
}
