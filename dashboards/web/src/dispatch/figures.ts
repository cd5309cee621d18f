/** The indicators of a period in the order in which reports show them, and how each reads. Pure. */
import type { OrderFigures } from '@/api/orders'
import { shareText } from '@/report/values'

export type FigureKey = keyof OrderFigures

export const FIGURES: readonly FigureKey[] = [
  'reported',
  'filed',
  'filed_share',
  'dispatched',
  'dispatched_right_share',
  'due',
  'handled',
  'handled_in_time',
  'handled_late',
  'overdue',
  'handled_in_time_share',
  'close_due',
  'closed',
  'closed_in_time_share',
  'checked',
  'reworked',
  'reworked_share',
  'handling_hours',
]

export function figureText(key: FigureKey, figures: OrderFigures): string {
  const value = figures[key]
  if (value === null || value === undefined) return '—'
  if (key.endsWith('_share')) return shareText(value)
  return key === 'handling_hours' ? value.toFixed(1) : String(value)
}

/** What should be none. */
export function isBad(key: FigureKey, figures: OrderFigures): boolean {
  return (key === 'overdue' || key === 'handled_late') && (figures[key] ?? 0) > 0
}
