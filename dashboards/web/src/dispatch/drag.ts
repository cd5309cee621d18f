/**
 * Dragging between orders and people, in lists and on the map alike: one pointer, one thing in the hand, one target under
 * it. A drop names an order and a person; which of the two verbs (assign, dispatch) is asked where it was let go.
 *
 * Elements say what they are by `data-drop="order:ID"`, `person:USER` or `team:ID`. The map has no elements for its units:
 * it registers how to look under a point.
 */
import { shallowReactive, shallowRef } from 'vue'
import type { Assignee } from '@/api/dispatch'
import { failure } from '@/console/acts'
import { t } from '@/i18n'
import { personOfDevice } from './people'

export type Thing = { kind: 'order'; id: string } | { kind: 'person'; id: string } | { kind: 'team'; id: string } | { kind: 'unit'; id: string }

/** Less than that is a click, px. */
const BEGINS_AT = 6

export const drag = shallowReactive({
  thing: null as Thing | null,
  label: '',
  x: 0,
  y: 0,
  over: null as Thing | null,
})

export interface Drop {
  order: string
  to: Assignee
  at: { x: number; y: number }
}

/** What was dropped and waits for its verb. */
export const dropped = shallowRef<Drop | null>(null)

type Looker = (x: number, y: number) => Thing | null
let lookAtMap: Looker = () => null

/** The map tells how to find what is under a point of the window. Returns how to stop. */
export function lookOnMap(looker: Looker): () => void {
  lookAtMap = looker
  return () => {
    if (lookAtMap === looker) lookAtMap = () => null
  }
}

export function parseThing(text: string | null | undefined): Thing | null {
  const found = /^(order|person|team|unit):(.+)$/.exec(text ?? '')
  return found === null ? null : { kind: found[1] as Thing['kind'], id: found[2] ?? '' }
}

function under(x: number, y: number): Thing | null {
  const element = document.elementFromPoint(x, y)
  const marked = element?.closest<HTMLElement>('[data-drop]')
  if (marked != null) return parseThing(marked.dataset.drop)
  return element?.closest('.map') == null ? null : lookAtMap(x, y)
}

/** The order and whom it goes to, where the two things are one of each; null where they do not go together. */
export function pairOf(a: Thing, b: Thing, personOf: (device: string) => string | null): { order: string; to: Assignee } | null {
  const [order, who] = a.kind === 'order' ? [a, b] : [b, a]
  if (order.kind !== 'order' || who.kind === 'order') return null
  if (who.kind === 'team') return { order: order.id, to: { to: 'team', team: who.id } }
  const user = who.kind === 'person' ? who.id : personOf(who.id)
  return user === null ? null : { order: order.id, to: { to: 'person', user } }
}

const personOf = (device: string) => personOfDevice(device)?.user ?? null

function letGo(x: number, y: number): void {
  const { thing, over } = drag
  drag.thing = drag.over = null
  if (thing === null || over === null) return
  const pair = pairOf(thing, over, personOf)
  if (pair !== null) {
    dropped.value = { ...pair, at: { x, y } }
    return
  }
  const unit = thing.kind === 'unit' ? thing : over.kind === 'unit' ? over : null
  if (unit !== null && (thing.kind === 'order' || over.kind === 'order')) {
    failure.text = t('dispatch.drag.nobody', { unit: unit.id })
    failure.at = Date.now()
  }
}

/** Call on `pointerdown`: becomes a drag once the pointer has moved far enough, else stays the click it was. */
export function begin(event: PointerEvent, thing: Thing, label: string, started: () => void = () => undefined): void {
  if (event.button !== 0) return
  const from = { x: event.clientX, y: event.clientY }
  let going = false
  const move = (now: PointerEvent) => {
    if (!going && Math.hypot(now.clientX - from.x, now.clientY - from.y) < BEGINS_AT) return
    if (!going) {
      going = true
      drag.thing = thing
      drag.label = label
      dropped.value = null
      started()
    }
    now.preventDefault()
    drag.x = now.clientX
    drag.y = now.clientY
    const over = under(now.clientX, now.clientY)
    drag.over = over !== null && pairOf(thing, over, (device) => device) !== null ? over : null
  }
  const swallow = (click: MouseEvent) => {
    click.stopPropagation()
    click.preventDefault()
  }
  const stop = () => {
    window.removeEventListener('pointermove', move)
    window.removeEventListener('pointerup', up)
    window.removeEventListener('pointercancel', cancel)
    window.removeEventListener('keydown', key, true)
  }
  const up = (now: PointerEvent) => {
    stop()
    if (!going) return
    window.addEventListener('click', swallow, { capture: true, once: true })
    window.setTimeout(() => window.removeEventListener('click', swallow, true), 0)
    letGo(now.clientX, now.clientY)
  }
  const cancel = () => {
    stop()
    drag.thing = drag.over = null
  }
  const key = (pressed: KeyboardEvent) => {
    if (pressed.key !== 'Escape' || !going) return
    pressed.stopPropagation()
    cancel()
  }
  window.addEventListener('pointermove', move)
  window.addEventListener('pointerup', up)
  window.addEventListener('pointercancel', cancel)
  window.addEventListener('keydown', key, true)
}

/** Whether this thing would take what is in the hand. */
export function isOver(kind: Thing['kind'], id: string): boolean {
  return drag.over !== null && drag.over.kind === kind && drag.over.id === id
}

