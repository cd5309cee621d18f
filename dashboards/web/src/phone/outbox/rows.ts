/**
 * The outbox's mind, pure: what is to be sent, in which order, and what an answer means. Time comes in as an argument.
 *
 * ```text
 * put ─▶ waiting ──2xx──────────────▶ gone (with its photos, in one transaction)
 *          │  ▲
 *          │  └─ no network, 401, 408, 423, 425, 429, 5xx: tried again, later each time
 *          └──final 4xx──▶ refused ──the person has seen it──▶ gone
 * ```
 *
 * Nothing leaves the phone's memory on a guess: a row whose answer was lost is sent again under the same key, and the
 * hub, which knows the key, answers as it did the first time. Acts on one order go in the order in which they were done
 * (`dependsOn`); when one is refused, those that build on it are refused with it and say so.
 */
import type { AttachmentRole } from '../api'

/** What a row is for; decides the words people read and where its photos go in the body. */
export type RowKind = 'act' | 'report' | 'shift' | 'sos' | 'read'

/** A photo that goes with a row. */
export interface PhotoUse {
  photo: string
  role: AttachmentRole
}

export interface Problem {
  status: number
  detail: string
}

export interface Row {
  /** UUID; the idempotency key at the hub. */
  id: string
  /** Grows with each row of this phone: the order of doing. */
  seq: number
  /** Whose it is; another person on the same phone neither sends nor sees it. */
  user: string
  kind: RowKind
  method: 'POST'
  path: string
  body: Record<string, unknown>
  photos: PhotoUse[]
  /** What people read: the order's title, or the kind of report. */
  title: string
  /** Order it acts on. */
  order: string | null
  /** Name of the act. */
  act: string | null
  createdAt: number
  tries: number
  /** Not before, Unix ms. */
  nextAt: number
  dependsOn: string | null
  state: 'waiting' | 'refused'
  problem: Problem | null
}

export const ROWS_MAX = 500
export const BACKOFF_MS_MIN = 1_000
export const BACKOFF_MS_MAX = 60_000

export function backoffMs(tries: number, luck: number): number {
  const full = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(tries, 10))
  return Math.round(full * (1 - 0.3 * luck))
}

export type Meaning = 'done' | 'later' | 'login' | 'final'

/** What a status says about the row that it answers; 0 is no answer at all. */
export function meaning(status: number): Meaning {
  if (status >= 200 && status < 300) return 'done'
  if (status === 401) return 'login'
  if (status === 0 || status === 408 || status === 423 || status === 425 || status === 429 || status >= 500) return 'later'
  return 'final'
}

/** Rows in the order of sending: calls for help first, then as they were done. */
export function inOrder(rows: readonly Row[]): Row[] {
  return [...rows].sort((a, b) => Number(b.kind === 'sos') - Number(a.kind === 'sos') || a.seq - b.seq)
}

/** The row to send now; none when nothing is due. */
export function nextRow(rows: readonly Row[], now: number): Row | null {
  const there = new Set(rows.map((row) => row.id))
  for (const row of inOrder(rows)) {
    if (row.state !== 'waiting' || row.nextAt > now) continue
    if (row.dependsOn !== null && there.has(row.dependsOn)) continue
    return row
  }
  return null
}

/** When something will be due, Unix ms; none when nothing waits. */
export function dueAt(rows: readonly Row[]): number | null {
  const there = new Set(rows.map((row) => row.id))
  let due: number | null = null
  for (const row of rows) {
    if (row.state !== 'waiting' || (row.dependsOn !== null && there.has(row.dependsOn))) continue
    if (due === null || row.nextAt < due) due = row.nextAt
  }
  return due
}

/** The last waiting row of the same order: what a new act builds on. */
export function leansOn(rows: readonly Row[], order: string): string | null {
  let last: Row | null = null
  for (const row of rows) {
    if (row.order === order && row.state === 'waiting' && (last === null || row.seq > last.seq)) last = row
  }
  return last?.id ?? null
}

/** The row after an answer that did not end it. */
export function afterAnswer(row: Row, answer: { status: number; detail: string; retryAfterS: number | null }, now: number, luck: number): Row {
  switch (meaning(answer.status)) {
    case 'final':
      return { ...row, state: 'refused', problem: { status: answer.status, detail: answer.detail } }
    case 'login':
      return { ...row, nextAt: now }
    default: {
      const wait = answer.retryAfterS === null ? backoffMs(row.tries, luck) : answer.retryAfterS * 1_000
      return { ...row, tries: row.tries + 1, nextAt: now + wait }
    }
  }
}

/** Everything that builds on a refused row, directly or not. */
export function fallWith(rows: readonly Row[], refused: string): Row[] {
  const fallen: Row[] = []
  const gone = new Set([refused])
  for (const row of [...rows].sort((a, b) => a.seq - b.seq)) {
    if (row.dependsOn !== null && gone.has(row.dependsOn) && row.state === 'waiting') {
      gone.add(row.id)
      fallen.push({ ...row, state: 'refused', problem: { status: 424, detail: '' } })
    }
  }
  return fallen
}

/** A person says "again": it and what fell with it wait once more. */
export function tryAgain(row: Row, now: number): Row {
  return { ...row, state: 'waiting', problem: null, nextAt: now, tries: 0 }
}

/** The body as the hub wants it: the key, and the files that the photos have become. */
export function wholeBody(row: Row, files: ReadonlyMap<string, string>, now: number): Record<string, unknown> {
  // Positions and marks of reading are the same however often they come; everything else carries its key.
  const keyed = row.kind !== 'sos' && row.kind !== 'read'
  const body: Record<string, unknown> = keyed ? { ...row.body, request_id: row.id } : { ...row.body }
  // A clock that was ahead when it was done is known to be so by now.
  for (const name of ['done_at', 'at']) if (typeof body[name] === 'number') body[name] = Math.min(body[name], now)
  const form = body.form as { seen_at?: number } | undefined
  if (form?.seen_at !== undefined) body.form = { ...form, seen_at: Math.min(form.seen_at, now) }
  if (row.photos.length === 0) return body
  const attachments = row.photos.map(({ photo, role }) => {
    const file = files.get(photo)
    if (file === undefined) throw new Error(`photo ${photo} of row ${row.id} is not uploaded`)
    return { file, role }
  })
  const holder = row.kind === 'report' ? 'form' : 'event'
  body[holder] = { ...(body[holder] as object), attachments }
  return body
}
