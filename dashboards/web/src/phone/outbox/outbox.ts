/**
 * The outbox of this app: puts rows, sends them whenever there may be a network, shows what waits.
 *
 * Flushed on `online`, when the page is seen again, by a timer and at each hello of the live socket. One page sends at a
 * time (a lock of the browser); two would do no harm, for the hub knows each key, only waste.
 */
import { shallowReactive, shallowRef } from 'vue'
import { request, type Answer } from '../api'
import { hubNow } from '../time'
import { flush } from './flush'
import { leansOn, ROWS_MAX, tryAgain, dueAt, type PhotoUse, type Row, type RowKind } from './rows'
import { dropRow, nextSeq, openStore, putRow, putRows, rowsOf, type Photo, type Store } from './store'

let opened: Promise<Store> | null = null
export function store(): Promise<Store> {
  opened ??= openStore()
  return opened
}

/** Rows of the person who is logged in, in the order of doing. */
export const rows = shallowRef<readonly Row[]>([])
/** What is on the wire now. */
export const wire = shallowReactive({ row: null as string | null, photo: null as string | null, sent: 0, of: 0, offline: !navigator.onLine, login: false })

let user: string | null = null
let running: Promise<void> | null = null
let again = false
let timer = 0
const listeners = new Set<(row: Row, answer: Answer) => void | Promise<void>>()

export function onSent(listener: (row: Row, answer: Answer) => void | Promise<void>): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export async function show(): Promise<void> {
  rows.value = user === null ? [] : await rowsOf(await store(), user)
}

export interface NewRow {
  kind: RowKind
  path: string
  body: Record<string, unknown>
  title: string
  order?: string
  act?: string
  photos?: readonly { photo: Photo; role: PhotoUse['role'] }[]
  /** Key of the draft that it was made of. */
  draft?: string
}

export class OutboxFull extends Error {}

/** Safe on this phone when it returns; the rest goes on by itself. */
export async function put(row: NewRow): Promise<Row> {
  if (user === null) throw new Error('nobody is logged in')
  const db = await store()
  const there = await rowsOf(db, user)
  if (there.length >= ROWS_MAX) throw new OutboxFull()
  const now = Date.now()
  const photos = row.photos ?? []
  const whole: Row = {
    id: crypto.randomUUID(),
    seq: await nextSeq(db),
    user,
    kind: row.kind,
    method: 'POST',
    path: row.path,
    body: row.body,
    photos: photos.map(({ photo, role }) => ({ photo: photo.id, role })),
    title: row.title,
    order: row.order ?? null,
    act: row.act ?? null,
    createdAt: now,
    tries: 0,
    nextAt: now,
    dependsOn: row.order === undefined ? null : leansOn(there, row.order),
    state: 'waiting',
    problem: null,
  }
  await putRow(db, whole, photos.map(({ photo }) => photo), row.draft)
  await show()
  kick()
  return whole
}

/** Sends now if anything is due; `hurry` forgets waits, for a network that is said to be back. */
export function kick(hurry = false): void {
  if (user === null) return
  if (running !== null) {
    again = true
    return
  }
  running = once(hurry).finally(() => {
    running = null
    if (again) {
      again = false
      kick()
    } else plan()
  })
}

async function once(hurry: boolean): Promise<void> {
  const who = user
  if (who === null) return
  const db = await store()
  if (hurry) {
    const late = (await rowsOf(db, who)).filter((row) => row.state === 'waiting' && row.nextAt > Date.now())
    if (late.length > 0) await putRows(db, late.map((row) => ({ ...row, nextAt: Date.now() })))
  }
  const run = async () => {
    const end = await flush({
      store: db,
      user: who,
      now: Date.now,
      hubNow,
      luck: Math.random,
      transport: (method, url, body, headers) => request(method, url, body, headers),
      sent: async (row, answer) => {
        for (const listener of listeners) await listener(row, answer)
        await show()
      },
      progress: (row, photo, sent, of) => Object.assign(wire, { row, photo, sent, of }),
    })
    wire.login = end === 'login'
    if (end === 'offline' || end === 'empty') wire.offline = end === 'offline'
  }
  try {
    if (navigator.locks === undefined) await run()
    else await navigator.locks.request('greenhub-outbox', { ifAvailable: true }, (lock) => (lock === null ? undefined : run()))
  } finally {
    Object.assign(wire, { row: null, photo: null, sent: 0, of: 0 })
    await show()
  }
}

function plan(): void {
  window.clearTimeout(timer)
  const due = dueAt(rows.value)
  if (due !== null) timer = window.setTimeout(() => kick(), Math.min(60_000, Math.max(250, due - Date.now())))
}

/** The person has seen that it was refused. */
export async function forget(row: Row): Promise<void> {
  await dropRow(await store(), row)
  await show()
}

export async function repeat(row: Row): Promise<void> {
  await putRows(await store(), [tryAgain(row, Date.now())])
  await show()
  kick()
}

let listening = false

/** Follows one person; `null` follows nobody, and keeps what waits. */
export async function follow(who: string | null): Promise<void> {
  user = who
  if (!listening) {
    listening = true
    window.addEventListener('online', () => kick(true))
    window.addEventListener('offline', () => (wire.offline = true))
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && kick(true))
    window.setInterval(() => kick(), 30_000)
  }
  await show()
  kick(true)
}
