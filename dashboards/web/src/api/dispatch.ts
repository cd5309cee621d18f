/**
 * The vocabulary of dispatch, taken as it is from the server's own document: nothing here is written twice.
 *
 * Members that may be null are optional in the document; the server always sends them, hence `Whole`. Forms and acts that
 * a page sends keep their optional members.
 */
import type { components } from './schema'

type Schemas = components['schemas']

/** What the server sends: every member is there. */
export type Whole<T> = T extends readonly unknown[]
  ? { [K in keyof T]: Whole<T[K]> }
  : T extends object
    ? { [K in keyof T]-?: Whole<Exclude<T[K], undefined>> }
    : T

export type OrderState = Schemas['OrderState']
export type Order = Whole<Schemas['Order']>
export type OrderDetail = Whole<Schemas['OrderDetail']>

/** States in the order of the life cycle; the first seven are open. */
export const ORDER_STATES: readonly OrderState[] = [
  'reported',
  'filed',
  'dispatched',
  'accepted',
  'in_progress',
  'suspended',
  'finished',
  'closed',
  'rejected',
  'merged',
  'split',
  'cancelled',
]
export const OPEN_STATES = ORDER_STATES.slice(0, 7)
