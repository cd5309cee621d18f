/**
 * The board: which alarms stand in which row. Pure, outside Vue, and fed with the ids that changed.
 *
 * ```text
 * picture.alarms ──apply(id)──▶ Entry (place in every facet, bits of the filters it passes)
 *                                  │ order: first-out, kept sorted by insertion
 *                                  ▼
 *               rows(): causes in order, each with its open consequences below it
 * ```
 *
 * An alarm that changes a hundred times a second costs one Map look-up and a few comparisons each time; the order is
 * touched only when an alarm comes or goes, the list of rows only when a row could have moved. At 10,000 standing alarms
 * a list is one pass over an array, well under a millisecond.
 */
import type { Alarm, AlarmState, Priority } from '@/api/types'
import { isUnacknowledged } from '@/live/troubles'

export const FACETS = ['state', 'priority', 'class', 'place', 'desk', 'fold'] as const
export type Facet = (typeof FACETS)[number]
export type Sort = 'first' | 'newest' | 'priority'
export const SORTS: readonly Sort[] = ['first', 'newest', 'priority']

/** The states by which an operator filters; latched ones go with their plain ones. */
export type BoardState =
  | 'unacknowledged'
  | 'acknowledged'
  | 'returned_unacknowledged'
  | 'shelved'
  | 'suppressed_by_design'
  | 'out_of_service'
export const BOARD_STATES: readonly BoardState[] = [
  'unacknowledged',
  'returned_unacknowledged',
  'acknowledged',
  'shelved',
  'suppressed_by_design',
  'out_of_service',
]
export type FoldKind = 'cause' | 'folded' | 'single'
export const FOLD_KINDS: readonly FoldKind[] = ['cause', 'single', 'folded']

export function boardState(state: AlarmState): BoardState | null {
  switch (state) {
    case 'normal':
      return null
    case 'latched_unacknowledged':
      return 'unacknowledged'
    case 'latched_acknowledged':
      return 'acknowledged'
    default:
      return state
  }
}

export type HiddenState = 'shelved' | 'suppressed_by_design' | 'out_of_service'

/** Hidden on purpose: not on the board unless somebody asks for them, for they have lists of their own. */
export function isHidden(state: AlarmState): state is HiddenState {
  return state === 'shelved' || state === 'suppressed_by_design' || state === 'out_of_service'
}

export function foldKind(alarm: Alarm): FoldKind {
  if (alarm.folded_under != null) return 'folded'
  return alarm.folds > 0 ? 'cause' : 'single'
}

/** Which facets an alarm passes, one bit each; all of them is `ALL`. */
const BIT: Record<Facet, number> = { state: 1, priority: 2, class: 4, place: 8, desk: 16, fold: 32 }
const TEXT = 64
const ALL = 127
/** Causes of causes followed upwards. */
const CHAIN_MAX = 16

export interface Entry {
  alarm: Alarm
  passes: number
  /** Grows with every change; a drawn row compares it. */
  version: number
  /** Stands no more; leaves the order at the next look. */
  gone: boolean
}

export interface Row {
  entry: Entry
  /** 0 for a cause or a single alarm, 1 for a consequence below its cause. */
  depth: 0 | 1
  /** Consequences that stand under it and pass the filters. */
  under: number
  open: boolean
}

export interface Filter {
  state: ReadonlySet<string>
  priority: ReadonlySet<string>
  class: ReadonlySet<string>
  place: ReadonlySet<string>
  desk: ReadonlySet<string>
  fold: ReadonlySet<string>
  text: string
  sort: Sort
}

export interface Summary {
  /** Unacknowledged by priority, without what is hidden on purpose. */
  waiting: Record<Priority, number>
  hidden: Record<HiddenState, number>
  folded: number
  /** Rows and consequences that the board shows without a filter. */
  standing: number
  /** The first unacknowledged P1: wherever its row is, it stands at the head of the board. */
  urgent: Alarm | null
}

export type FacetCounts = Record<Facet, Map<string, number>>

export function noFilter(): Filter {
  const none: ReadonlySet<string> = new Set()
  return { state: none, priority: none, class: none, place: none, desk: none, fold: none, text: '', sort: 'first' }
}

type Order = (a: Entry, b: Entry) => number
const byFirst: Order = (a, b) =>
  a.alarm.first_position - b.alarm.first_position || (a.alarm.id < b.alarm.id ? -1 : a.alarm.id > b.alarm.id ? 1 : 0)
const ORDERS: Record<Sort, Order> = {
  first: byFirst,
  newest: (a, b) => byFirst(b, a),
  priority: (a, b) =>
    a.alarm.priority === b.alarm.priority ? byFirst(a, b) : a.alarm.priority < b.alarm.priority ? -1 : 1,
}

/** The desks an alarm calls at. Asked of the caller: the rules know it, the alarm does not. */
export type DesksOf = (alarm: Alarm) => readonly string[]

export class Board {
  private readonly entries = new Map<string, Entry>()
  private order: Entry[] = []
  private added: Entry[] = []
  private filter: Filter = noFilter()
  private readonly opened = new Set<string>()
  /** Some entry went, or has another place in the order. */
  private orderStale: 'no' | 'gone' | 'moved' = 'no'
  private listStale = true
  private list: Row[] = []
  private readonly desksOf: DesksOf
  private versions = 0

  constructor(desksOf: DesksOf = () => []) {
    this.desksOf = desksOf
  }

  get size(): number {
    return this.entries.size
  }

  get(id: string): Entry | undefined {
    return this.entries.get(id)
  }

  all(): Iterable<Entry> {
    return this.entries.values()
  }

  /** Takes what the picture now says of one alarm; undefined means that it stands no more. */
  apply(id: string, alarm: Alarm | undefined): void {
    const known = this.entries.get(id)
    if (alarm === undefined || alarm.state === 'normal') {
      if (known === undefined) return
      known.gone = true
      this.entries.delete(id)
      this.opened.delete(id)
      if (this.orderStale === 'no') this.orderStale = 'gone'
      this.listStale = true
      return
    }
    this.versions += 1
    if (known === undefined) {
      const entry: Entry = { alarm, passes: this.judge(alarm), version: this.versions, gone: false }
      this.entries.set(id, entry)
      this.added.push(entry)
      this.listStale = true
      return
    }
    const before = known.alarm
    known.alarm = alarm
    known.version = this.versions
    const passes = this.judge(alarm)
    if (passes !== known.passes || before.folded_under !== alarm.folded_under) {
      known.passes = passes
      this.listStale = true
    }
    if (
      before.first_position !== alarm.first_position ||
      (this.filter.sort === 'priority' && before.priority !== alarm.priority)
    ) {
      this.orderStale = 'moved'
      this.listStale = true
    }
  }

  setFilter(filter: Filter): void {
    if (filter.sort !== this.filter.sort) this.orderStale = 'moved'
    this.filter = filter
    for (const entry of this.entries.values()) entry.passes = this.judge(entry.alarm)
    this.listStale = true
  }

  /** Shows or hides the consequences of a cause. */
  toggle(id: string, open = !this.opened.has(id)): void {
    if (open) this.opened.add(id)
    else this.opened.delete(id)
    this.listStale = true
  }

  openAll(open: boolean): void {
    this.opened.clear()
    if (open) for (const { alarm } of this.entries.values()) if (alarm.folds > 0) this.opened.add(alarm.id)
    this.listStale = true
  }

  /** Whether `rows` would say anything new. */
  get stale(): boolean {
    return this.listStale
  }

  /** The rows in order. The same array until something moves. */
  rows(): Row[] {
    if (!this.listStale) return this.list
    this.sort()
    const { fold } = this.filter
    // Whoever asks for consequences alone sees them as a plain list.
    const flat = fold.size > 0 && !fold.has('cause') && !fold.has('single')
    const under = new Map<Entry, Entry[]>()
    const tops: Entry[] = []
    for (const entry of this.order) {
      const root = flat || entry.alarm.folded_under == null ? entry : this.rootOf(entry)
      if (root === entry) tops.push(entry)
      else {
        const siblings = under.get(root)
        if (siblings === undefined) under.set(root, [entry])
        else siblings.push(entry)
      }
    }
    const rows: Row[] = []
    for (const entry of tops) {
      const passes = entry.passes === ALL
      const own = under.get(entry)
      // Below a cause that is shown, being folded is no reason to be left out.
      const shown = own?.filter((one) => (passes ? one.passes | BIT.fold : one.passes) === ALL) ?? []
      // A cause that the filters leave out still heads the consequences that they let through.
      if (!passes && shown.length === 0) continue
      const open = shown.length > 0 && (!passes || this.opened.has(entry.alarm.id))
      rows.push({ entry, depth: 0, under: shown.length, open })
      if (open) for (const one of shown) rows.push({ entry: one, depth: 1, under: 0, open: false })
    }
    this.list = rows
    this.listStale = false
    return rows
  }

  /**
   * The standing alarm at the head of the chain of causes. A consequence whose cause no longer stands is a row like any
   * other, and so is one whose causes go in a circle: nothing may disappear.
   */
  private rootOf(entry: Entry): Entry {
    let root = entry
    for (let steps = 0; steps < CHAIN_MAX; steps += 1) {
      const next = root.alarm.folded_under == null ? undefined : this.entries.get(root.alarm.folded_under)
      if (next === undefined) return root
      if (next === entry) return entry
      root = next
    }
    return entry
  }

  /** Everything that stands under that cause, in first-out order, whatever the filters say. */
  foldedUnder(id: string): Alarm[] {
    const found: Entry[] = []
    for (const entry of this.entries.values()) if (entry.alarm.folded_under === id) found.push(entry)
    return found.sort(byFirst).map((entry) => entry.alarm)
  }

  /** What the head of the board says: who waits, the first of the worst, what is hidden on purpose. One pass. */
  summary(): Summary {
    const waiting: Record<Priority, number> = { P1: 0, P2: 0, P3: 0, P4: 0 }
    const hidden: Record<HiddenState, number> = { shelved: 0, suppressed_by_design: 0, out_of_service: 0 }
    let folded = 0
    let standing = 0
    let urgent: Entry | null = null
    for (const entry of this.entries.values()) {
      const { alarm } = entry
      if (isHidden(alarm.state)) {
        hidden[alarm.state] += 1
        continue
      }
      standing += 1
      if (alarm.folded_under != null) folded += 1
      if (!isUnacknowledged(alarm)) continue
      waiting[alarm.priority] += 1
      if (alarm.priority === 'P1' && (urgent === null || byFirst(entry, urgent) < 0)) urgent = entry
    }
    return { waiting, hidden, folded, standing, urgent: urgent?.alarm ?? null }
  }

  /**
   * How many alarms each choice would show, the other facets as they stand. One pass over all entries: callers ask a
   * few times a second, not at every frame.
   */
  counts(): FacetCounts {
    const counts = Object.fromEntries(FACETS.map((facet) => [facet, new Map<string, number>()])) as FacetCounts
    for (const { alarm, passes } of this.entries.values()) {
      for (const facet of FACETS) {
        if ((passes | BIT[facet]) !== ALL) continue
        const map = counts[facet]
        if (facet === 'desk') for (const desk of this.desksOf(alarm)) map.set(desk, (map.get(desk) ?? 0) + 1)
        else {
          const value = valueOf(alarm, facet)
          map.set(value, (map.get(value) ?? 0) + 1)
        }
      }
    }
    return counts
  }

  private judge(alarm: Alarm): number {
    const { filter } = this
    let passes = 0
    // Without a choice of states the board shows what is not hidden on purpose.
    if (filter.state.size === 0 ? !isHidden(alarm.state) : filter.state.has(boardState(alarm.state) ?? '')) passes |= BIT.state
    if (filter.priority.size === 0 || filter.priority.has(alarm.priority)) passes |= BIT.priority
    if (filter.class.size === 0 || filter.class.has(alarm.class)) passes |= BIT.class
    if (filter.place.size === 0 || filter.place.has(alarm.sub_district)) passes |= BIT.place
    if (filter.desk.size === 0 || this.desksOf(alarm).some((desk) => filter.desk.has(desk))) passes |= BIT.desk
    if (filter.fold.size === 0 || filter.fold.has(foldKind(alarm))) passes |= BIT.fold
    if (matches(alarm, filter.text)) passes |= TEXT
    return passes
  }

  /** One merge of the few that came into the many that stand; a full sort only when places moved. */
  private sort(): void {
    const compare = ORDERS[this.filter.sort]
    const came = this.added.filter((entry) => !entry.gone)
    this.added = []
    if (this.orderStale !== 'no') this.order = this.order.filter((entry) => !entry.gone)
    if (this.orderStale === 'moved') {
      this.order = [...this.order, ...came].sort(compare)
    } else if (came.length > 0) {
      came.sort(compare)
      const merged: Entry[] = []
      let i = 0
      for (const entry of this.order) {
        while (i < came.length && compare(came[i]!, entry) < 0) merged.push(came[i++]!)
        merged.push(entry)
      }
      while (i < came.length) merged.push(came[i++]!)
      this.order = merged
    }
    this.orderStale = 'no'
  }
}

function valueOf(alarm: Alarm, facet: Exclude<Facet, 'desk'>): string {
  switch (facet) {
    case 'state':
      return boardState(alarm.state) ?? ''
    case 'priority':
      return alarm.priority
    case 'class':
      return alarm.class
    case 'place':
      return alarm.sub_district
    case 'fold':
      return foldKind(alarm)
  }
}

export function matches(alarm: Alarm, text: string): boolean {
  if (text === '') return true
  return (
    alarm.title.toLowerCase().includes(text) ||
    alarm.device_name.toLowerCase().includes(text) ||
    alarm.device.toLowerCase().includes(text) ||
    alarm.sub_district.toLowerCase().includes(text) ||
    alarm.code.toLowerCase().includes(text) ||
    alarm.text.toLowerCase().includes(text)
  )
}
