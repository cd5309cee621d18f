/** Acts of the person on orders: each becomes a row of the outbox at once. */
import type { NewAct, Order, OrderEvent } from './api'
import type { Shot } from './drafts'
import { put, wire } from './outbox/outbox'
import { hubNow } from './time'
import { say } from './toast'
import { t } from './words'

/** `name` is what people read where the act alone does not say it (a delay and a suspension are both `ask`). */
export async function perform(order: Order, event: OrderEvent, more: { name?: string; shots?: readonly Shot[]; draft?: string } = {}): Promise<void> {
  await put({
    kind: 'act',
    path: `/api/v1/orders/${encodeURIComponent(order.id)}/acts`,
    body: { event, done_at: hubNow() } satisfies NewAct,
    title: order.title,
    order: order.id,
    act: more.name ?? event.act,
    photos: more.shots ?? [],
    draft: more.draft,
  })
  say(wire.offline ? t('act.savedOffline') : t('act.saved'))
}
