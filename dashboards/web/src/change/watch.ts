/** The kinds of watches as forms. Pure. */
import type { Field } from './lists'
import { isTree, type Tree } from './document'
import type { WordKey } from '@/i18n'

const f = (key: string, kind: Field['kind'], more: Partial<Field> = {}): Field => ({ key, kind, word: `change.field.${key}` as WordKey, ...more })
const POINT = f('point', 'input', { start: '', known: 'points' })
const DEADBAND = f('deadband', 'number', { start: 0 })

/** Members of each kind; `all` and `any` are lists of comparisons. */
export const WATCHES = {
  deviation: [POINT, f('from', 'reference', { start: 0, known: 'points' }), f('band', 'number', { start: 1 }), DEADBAND],
  rate: [POINT, f('window_ms', 'seconds', { start: 60_000 }), f('per_ms', 'seconds', { start: 60_000 }), f('rise', 'number', { optional: true, start: 10 }), f('fall', 'number', { optional: true }), DEADBAND],
  state: [POINT, f('among', 'numbers', { start: [0] })],
  stuck: [POINT, f('for_ms', 'minutes', { start: 1_800_000 }), f('epsilon', 'number', { start: 0 })],
  no_data: [POINT, f('for_ms', 'minutes', { start: 600_000 }), f('also_silent', 'flag', { start: false })],
  mismatch: [f('commanded', 'input', { start: '', known: 'points' }), f('reported', 'input', { start: '', known: 'points' }), f('tolerance', 'number', { start: 0 })],
  count: [f('of', 'input', { start: '', known: 'points' }), f('above', 'number', { optional: true }), f('below', 'number', { optional: true }), f('at_least', 'number', { start: 3 }), f('window_ms', 'minutes', { start: 600_000 })],
  spread: [f('points', 'inputs', { start: [], known: 'points' }), f('band', 'number', { start: 1 }), DEADBAND],
  all: [],
  any: [],
} as const satisfies Record<string, readonly Field[]>

export type WatchKind = keyof typeof WATCHES
export const WATCH_KINDS = Object.keys(WATCHES) as WatchKind[]
export const COMPARES = ['above', 'below', 'equal', 'unequal'] as const

export function kindOf(when: unknown): WatchKind {
  return WATCH_KINDS.find((one) => isTree(when) && one in when) ?? 'state'
}

/** A watch of another kind keeps what both have. */
export function turned(when: unknown, kind: WatchKind): Tree {
  const old = isTree(when) ? when[kindOf(when)] : undefined
  if (kind === 'all' || kind === 'any') return { [kind]: Array.isArray(old) ? old : [{ point: isTree(old) ? (old.point ?? '') : '', is: 'above', value: 0, deadband: 0 }] }
  const body: Tree = {}
  const fields: readonly Field[] = WATCHES[kind]
  for (const field of fields) {
    const kept = isTree(old) ? old[field.key] : undefined
    if (kept !== undefined) body[field.key] = kept
    else if (field.start !== undefined) body[field.key] = structuredClone(field.start)
  }
  return { [kind]: body }
}
