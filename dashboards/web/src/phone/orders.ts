/**
 * The person's orders: read when there is a network, kept for when there is none. Details and photos of open ones are
 * fetched ahead, so that a tunnel or a cellar holds no surprise.
 */
import { computed, shallowRef, watch } from 'vue'
import { ApiError, get, type Order, type OrderTrace } from './api'
import { distanceM } from './geo'
import { me } from './me'
import { onSent, rows, store } from './outbox/outbox'
import { keep, kept } from './outbox/store'
import { fix } from './place'
import { project, type Shown } from './project'

/** Orders whose details are fetched ahead. */
const AHEAD_MAX = 40

export const list = shallowRef<readonly Order[]>([])
export const listAt = shallowRef<number | null>(null)
export const failure = shallowRef<ApiError | null>(null)
export const busy = shallowRef(false)

export interface Mine extends Shown {
  distance: number | null
}

export const mine = computed<Mine[]>(() =>
  list.value
    .map((order) => ({ ...project(order, rows.value), distance: distanceOf(order) }))
    .filter((one) => !one.leaving),
)

export function distanceOf(order: Order): number | null {
  const here = fix.value
  return here === null || order.lon === null || order.lat === null ? null : distanceM(here, { lon: order.lon, lat: order.lat })
}

const key = (name: string): string => `${me.value?.username ?? ''}:${name}`

export async function recall(): Promise<void> {
  const known = await kept<Order[]>(await store(), key('orders'))
  if (known !== null && listAt.value === null) {
    list.value = known.value
    listAt.value = known.at
  }
}

/** Another person, another list. */
watch(
  () => me.value?.username,
  () => {
    list.value = []
    listAt.value = null
    toLookAt = []
    lookedAt = 0
  },
)

let asking: Promise<void> | null = null

export function refresh(): Promise<void> {
  asking ??= read().finally(() => (asking = null))
  return asking
}

async function read(): Promise<void> {
  busy.value = true
  try {
    const page = await get('/api/v1/orders', { assignee: 'me', state: 'open', limit: 200 })
    await lookups()
    list.value = [...toLookAt, ...page.items]
    listAt.value = Date.now()
    failure.value = null
    await keep(await store(), key('orders'), list.value, Date.now())
    void ahead(list.value)
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    failure.value = error
  } finally {
    busy.value = false
  }
}

/** Reports that the person was asked to look at belong to nobody yet, so no list of the hub names them as theirs. */
const LOOKUPS_EVERY_MS = 60_000
let toLookAt: readonly Order[] = []
let lookedAt = 0

async function lookups(): Promise<void> {
  if (Date.now() - lookedAt < LOOKUPS_EVERY_MS) return
  const reported = await get('/api/v1/orders', { state: 'reported', limit: 100 })
  lookedAt = Date.now()
  toLookAt = reported.items.filter((one) => one.verification?.user === me.value?.username && one.verification?.finding === null)
}

async function ahead(orders: readonly Order[]): Promise<void> {
  const db = await store()
  for (const order of orders.slice(0, AHEAD_MAX)) {
    const known = await kept<OrderTrace>(db, key(`order:${order.id}`))
    if (known !== null && known.value.order.version === order.version) continue
    try {
      const detail = await get('/api/v1/orders/{id}', {}, order.id)
      await keep(db, key(`order:${order.id}`), detail, Date.now())
      for (const { file } of detail.order.attachments) await fetch(thumbOf(file)).catch(() => undefined)
    } catch {
      return
    }
  }
}

export const thumbOf = (file: string): string => `/api/v1/files/${encodeURIComponent(file)}/thumb`
export const pictureOf = (file: string): string => `/api/v1/files/${encodeURIComponent(file)}`

export async function recallDetail(id: string): Promise<OrderTrace | null> {
  return (await kept<OrderTrace>(await store(), key(`order:${id}`)))?.value ?? null
}

export async function readDetail(id: string): Promise<OrderTrace> {
  const detail = await get('/api/v1/orders/{id}', {}, id)
  await keep(await store(), key(`order:${id}`), detail, Date.now())
  return detail
}

/** An answer names the order as it now is: it is in the list before the row leaves the outbox. */
onSent(async (row, answer) => {
  if (row.kind !== 'act') return
  const order = answer.body as Order | null
  if (order === null || typeof order !== 'object' || order.id !== row.order) return
  const mineStill = row.act !== 'return'
  if (row.act === 'verified') toLookAt = toLookAt.filter((one) => one.id !== order.id)
  list.value = list.value.some((one) => one.id === order.id)
    ? list.value.flatMap((one) => (one.id !== order.id ? [one] : mineStill ? [order] : []))
    : list.value
  await keep(await store(), key('orders'), list.value, listAt.value ?? Date.now())
})

/** Something kept of the last reading, or read now; the newest there is. */
export async function readOrRecall<T>(name: string, read_: () => Promise<T>): Promise<{ value: T; at: number } | null> {
  try {
    const value = await read_()
    await keep(await store(), key(name), value, Date.now())
    return { value, at: Date.now() }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return kept<T>(await store(), key(name))
  }
}
