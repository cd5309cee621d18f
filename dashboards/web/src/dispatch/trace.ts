/**
 * The whole thread of one order as lines, oldest first: what the sensor measured, what the alarm did, what people and the
 * hub did to the order, with its photos, and what was answered. Pure.
 *
 * ```text
 * sensor ─▶ alarm ─▶ order opened ─▶ acts ─▶ photos ─▶ replies
 * ```
 */
import type { Attachment, OrderEntry, OrderEvent, OrderState } from '@/api/dispatch'
import type { OrderThread } from '@/api/orders'
import type { Alarm, AlarmDetail, AlarmEvent } from '@/api/types'

export type TraceKind = 'sensor' | 'alarm' | 'order' | 'clock' | 'reply'

export interface TraceLine {
  key: string
  at: number
  kind: TraceKind
  by: string
  /** The act, where one is behind it; `open` for the opening. */
  event: OrderEvent | null
  entry: OrderEntry | null
  alarm: Alarm | null
  /** Words that a person said. */
  text: string
  photos: readonly Attachment[]
  /** State after it, where it changed. */
  state: OrderState | null
  /** What happened to the alarm, for lines of kind `alarm`. */
  word: string
}

/** Words of an act that a person wrote. */
export function saidIn(event: OrderEvent | null): string {
  if (event === null) return ''
  const parts: string[] = []
  if ('text' in event && typeof event.text === 'string') parts.push(event.text)
  if ('reason' in event && typeof event.reason === 'string') parts.push(event.reason)
  return parts.filter((part) => part !== '').join(' · ')
}

export function photosIn(event: OrderEvent | null): readonly Attachment[] {
  return event !== null && 'attachments' in event ? (event.attachments ?? []) : []
}

const REPLIES = new Set(['finish', 'verified', 'comment', 'pass', 'rework'])

function line(at: number, kind: TraceKind, key: string, more: Partial<TraceLine>): TraceLine {
  return { at, kind, key, by: '', event: null, entry: null, alarm: null, text: '', photos: [], state: null, word: '', ...more }
}

/** Consequences gather one by one, each line says how many there are by now: of such a run only the last is told. */
function lastOfRuns(events: readonly AlarmEvent[]): AlarmEvent[] {
  return events.filter((event, i) => event.kind !== 'gathered' || events[i + 1]?.kind !== 'gathered')
}

/** The alarm's own lines come from its detail where that was asked for; else its beginning and end. */
export function traceOf(thread: OrderThread, detail: AlarmDetail | null = null): TraceLine[] {
  const lines: TraceLine[] = []
  const { alarm, order } = thread
  if (alarm !== null) {
    lines.push(line(alarm.raised_at, 'sensor', 'sensor', { alarm, by: alarm.device }))
    const events = lastOfRuns(detail?.timeline ?? [])
    events.forEach((event, i) => {
      lines.push(line(event.at, 'alarm', `alarm${i}`, { alarm, by: event.by, text: event.text, word: event.kind }))
    })
    if (events.length === 0) lines.push(line(alarm.raised_at, 'alarm', 'alarm', { alarm, word: 'raised' }))
  }
  let state: OrderState | null = null
  for (const entry of thread.entries) {
    const { event } = entry
    const act = event?.act ?? 'open'
    const kind: TraceKind = act === 'warn' || act === 'overdue' ? 'clock' : REPLIES.has(act) ? 'reply' : 'order'
    const opened = event === null
    lines.push(
      line(entry.done_at ?? entry.at, kind, `act${entry.version}`, {
        by: entry.by,
        event,
        entry,
        text: opened ? order.text : saidIn(event),
        photos: opened ? order.attachments.filter((one) => one.role === 'report') : photosIn(event),
        state: entry.state === state ? null : entry.state,
      }),
    )
    state = entry.state
  }
  // Acts keep their order even where a phone's clock says otherwise; only the alarm's lines are sorted in by time.
  const acts = lines.filter((one) => one.entry !== null)
  const others = lines.filter((one) => one.entry === null)
  const merged: TraceLine[] = []
  let i = 0
  for (const act of acts) {
    while (i < others.length && others[i]!.at <= act.at) merged.push(others[i++]!)
    merged.push(act)
  }
  return [...merged, ...others.slice(i)]
}
