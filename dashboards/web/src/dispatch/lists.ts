/** The lists of the order page: what each holds, and how the server is asked for what the live picture does not have. */
import type { Order, OrderState } from '@/api/dispatch'
import type { Role } from '@/api/types'

export type ListView = 'open' | 'review' | 'queue' | 'check' | 'wishes' | 'history'

export interface ListDefinition {
  name: ListView
  holds: (order: Order) => boolean
  /** For the server; empty: all states. */
  states: readonly OrderState[]
}

const OPEN: readonly OrderState[] = ['reported', 'filed', 'dispatched', 'accepted', 'in_progress', 'suspended', 'finished']

/** A wish may stand on a closed order too (申诉), hence the states of `wishes`. */
export const LISTS: readonly ListDefinition[] = [
  { name: 'open', holds: (order) => OPEN.includes(order.state), states: OPEN },
  { name: 'review', holds: (order) => order.state === 'reported', states: ['reported'] },
  { name: 'queue', holds: (order) => order.state === 'filed', states: ['filed'] },
  { name: 'check', holds: (order) => order.state === 'finished', states: ['finished'] },
  { name: 'wishes', holds: (order) => order.pending !== null, states: [...OPEN, 'closed', 'rejected'] },
  { name: 'history', holds: () => true, states: [] },
]

export function listOf(name: string): ListDefinition {
  return LISTS.find((view) => view.name === name) ?? LISTS[0]!
}

export type DispatchView = ListView | 'staff' | 'plan' | 'statistics' | 'rules' | 'codes'

const SENDERS: readonly (Role | undefined)[] = ['dispatcher', 'administrator']
const DESK: readonly (Role | undefined)[] = [...SENDERS, 'clerk']

/** What a role finds of use; the server decides what it may do. */
export function viewsFor(role: Role | undefined): DispatchView[] {
  const desk = DESK.includes(role)
  const views: DispatchView[] = ['open', ...(desk ? (['review', 'queue', 'check', 'wishes'] as const) : []), 'history']
  if (desk) views.push('staff')
  if (SENDERS.includes(role)) views.push('plan')
  if (desk || role === 'auditor') views.push('statistics', 'rules', 'codes')
  return views
}

/** Stored rows with the live form of those that are newer there, and live ones that the page of rows missed. Pure. */
export function joined(stored: readonly Order[], live: Iterable<Order>, holds: (order: Order) => boolean): Order[] {
  const all = new Map(stored.map((order) => [order.id, order]))
  for (const order of live) {
    const known = all.get(order.id)
    if (known === undefined || known.version < order.version) all.set(order.id, order)
  }
  return [...all.values()].filter(holds)
}
