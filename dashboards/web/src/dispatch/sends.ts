/**
 * What a person does to orders, wherever they do it from. One act at a time per order; failures come back as words.
 * Dispatch and assignment ask nobody first: what was done stands with a way back for a while.
 */
import { shallowReactive, shallowRef } from 'vue'
import { ApiError, write } from '@/api/client'
import type { Assignee, Order, OrderEvent } from '@/api/dispatch'
import { busy, failure, requestId } from '@/console/acts'
import { t } from '@/i18n'
import * as hub from '@/live/hub'
import { past } from '@/live/past'
import { assigneeName } from './people'

/** The way back stands so long, ms. */
export const UNDO_MS = 12_000

export interface Undo {
  orders: string[]
  text: string
  /** What takes it back, per order. */
  event: (id: string) => OrderEvent
  until: number
}

export const undo = shallowRef<Undo | null>(null)
/** Counts what was done, so that lists asked for by HTTP ask again. */
export const done = shallowReactive({ acts: 0 })
let timer = 0

function fail(error: unknown): void {
  failure.text = error instanceof ApiError ? (error.status === 0 ? t('common.unreachable') : error.message) : String(error)
  failure.at = Date.now()
}

function offer(next: Undo): void {
  undo.value = next
  window.clearTimeout(timer)
  timer = window.setTimeout(() => (undo.value = null), UNDO_MS)
}

/** Sends one act. The same failure twice is the server's word, not ours to retry: the key makes a repeat harmless. */
export async function send(id: string, event: OrderEvent, version?: number): Promise<Order | null> {
  if (busy.has(id)) return null
  if (past.open) {
    fail(t('dispatch.readOnlyPast'))
    return null
  }
  busy.add(id)
  failure.text = ''
  const body = { request_id: requestId(), event, ...(version === undefined ? {} : { version }) }
  try {
    let order: Order
    try {
      order = await write('POST /api/v1/orders/{id}/acts', body, { id })
    } catch (error) {
      // The answer got lost, perhaps not the act: the same key again tells.
      if (!(error instanceof ApiError) || error.status !== 0) throw error
      order = await write('POST /api/v1/orders/{id}/acts', body, { id })
    }
    hub.adoptOrder(order)
    done.acts += 1
    return order
  } catch (error) {
    fail(error)
    return null
  } finally {
    busy.delete(id)
  }
}

/** Sends it to somebody; `reason` where it is not the first proposal. */
export async function dispatch(order: Order, to: Assignee, reason = ''): Promise<Order | null> {
  const sent = await send(order.id, { act: 'dispatch', to, reason }, order.version)
  if (sent === null) return null
  offer({
    orders: [order.id],
    text: t('dispatch.undo.did', { act: t('dispatch.act.dispatch'), to: `${assigneeName(to)} ← ${order.title}` }),
    event: () => ({ act: 'recall', reason: t('dispatch.undo.reason') }),
    until: Date.now() + UNDO_MS,
  })
  return sent
}

/** Means it for somebody; nobody is told. */
export async function assign(order: Order, to: Assignee, reason = ''): Promise<Order | null> {
  const kept = await send(order.id, { act: 'assign', to, reason }, order.version)
  if (kept === null) return null
  const before = heldBy(order)
  offer({
    orders: [order.id],
    text: t('dispatch.undo.did', { act: t('dispatch.act.assign'), to: `${assigneeName(to)} ← ${order.title}` }),
    event: () => ({ act: 'assign', to: before, reason: t('dispatch.undo.reason') }),
    until: Date.now() + UNDO_MS,
  })
  return kept
}

/** What was meant for somebody is nobody's again. */
export async function unassign(order: Order): Promise<Order | null> {
  const before = heldBy(order)
  const kept = await send(order.id, { act: 'assign', to: null, reason: t('dispatch.undo.reason') }, order.version)
  if (kept === null || before === null) return kept
  offer({
    orders: [order.id],
    text: t('dispatch.undo.freed', { from: assigneeName(before), title: order.title }),
    event: () => ({ act: 'assign', to: before, reason: t('dispatch.undo.reason') }),
    until: Date.now() + UNDO_MS,
  })
  return kept
}

export function heldBy(order: Order): Assignee | null {
  if (order.assignee !== null) return { to: 'person', user: order.assignee }
  return order.team === null ? null : { to: 'team', team: order.team }
}

/** Takes the newest send back. */
export async function takeBack(): Promise<void> {
  const offered = undo.value
  if (offered === null) return
  undo.value = null
  for (const id of offered.orders) await send(id, offered.event(id))
}

/** Many sends at once that belong together have one way back. */
export function offerRecall(orders: string[], text: string): void {
  offer({ orders, text, event: () => ({ act: 'recall', reason: t('dispatch.undo.reason') }), until: Date.now() + UNDO_MS })
}
