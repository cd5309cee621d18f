/** What a person does to alarms, wherever they do it from. One act at a time per alarm; failures come back as words. */
import { shallowReactive } from 'vue'
import { ApiError, write } from '@/api/client'
import type { Alarm, BulkAnswer, Witness } from '@/api/types'
import { t } from '@/i18n'
import * as hub from '@/live/hub'
import { past } from '@/live/past'

/** Ids with an act under way. */
export const busy = shallowReactive(new Set<string>())
/** The newest failure, shown until the next act. */
export const failure = shallowReactive({ text: '', at: 0 })

function fail(error: unknown): void {
  failure.text =
    error instanceof ApiError ? (error.status === 0 ? t('common.unreachable') : error.message) : String(error)
  failure.at = Date.now()
}

async function act(id: string, call: () => Promise<{ alarm: Alarm }>): Promise<Alarm | null> {
  if (busy.has(id)) return null
  if (past.open) {
    fail(t('past.readOnly'))
    return null
  }
  busy.add(id)
  failure.text = ''
  try {
    const { alarm } = await call()
    hub.adopt(alarm)
    return alarm
  } catch (error) {
    fail(error)
    return null
  } finally {
    busy.delete(id)
  }
}

export function requestId(): string {
  // `randomUUID` needs a secure context, which a plain address inside the district's network is not.
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')
}

export function acknowledge(id: string, comment?: string): Promise<Alarm | null> {
  const body = { request_id: requestId(), ...(comment ? { comment } : {}) }
  return act(id, () => write('POST /api/v1/alarms/{id}/acknowledge', body, { id }))
}

export interface Shelf {
  until: number
  reason: string
  one_shot?: boolean
  witness?: Witness
}

export function shelve(id: string, shelf: Shelf): Promise<Alarm | null> {
  return act(id, () => write('POST /api/v1/alarms/{id}/shelve', { ...shelf, request_id: requestId() }, { id }))
}

/** Releases a latched alarm whose condition is gone. */
export function reset(id: string): Promise<Alarm | null> {
  return act(id, () => write('POST /api/v1/alarms/{id}/reset', { request_id: requestId() }, { id }))
}

/** Undoes the merge of an alarm under another one. */
export function unfold(id: string, reason: string): Promise<Alarm | null> {
  return act(id, () => write('POST /api/v1/alarms/{id}/unfold', { reason, request_id: requestId() }, { id }))
}

/** The server takes that many in one call. */
const BULK_MAX = 500

/** Acknowledges many; what the socket tells us later is the truth. Failures come back as words. */
export async function acknowledgeAll(ids: readonly string[], comment: string): Promise<BulkAnswer> {
  const all: BulkAnswer = { done: [], refused: [] }
  if (past.open) {
    fail(t('past.readOnly'))
    return all
  }
  for (const id of ids) busy.add(id)
  failure.text = ''
  try {
    for (let from = 0; from < ids.length; from += BULK_MAX) {
      const body = { alarms: ids.slice(from, from + BULK_MAX), request_id: requestId(), ...(comment ? { comment } : {}) }
      const answer = await write('POST /api/v1/alarms/acknowledge', body)
      all.done.push(...answer.done)
      all.refused.push(...answer.refused)
    }
  } catch (error) {
    fail(error)
  } finally {
    for (const id of ids) busy.delete(id)
  }
  return all
}

export function unshelve(id: string): Promise<Alarm | null> {
  return act(id, () => write('POST /api/v1/alarms/{id}/unshelve', { request_id: requestId() }, { id }))
}

export function comment(id: string, text: string): Promise<Alarm | null> {
  return act(id, () => write('POST /api/v1/alarms/{id}/comment', { text, request_id: requestId() }, { id }))
}
