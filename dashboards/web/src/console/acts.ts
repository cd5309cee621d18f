/** What a person does to alarms, wherever they do it from. One act at a time per alarm; failures come back as words. */
import { shallowReactive } from 'vue'
import { ApiError, write } from '@/api/client'
import type { Alarm } from '@/api/types'
import { t } from '@/i18n'
import * as hub from '@/live/hub'

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

export function shelve(id: string, until: number, reason: string): Promise<Alarm | null> {
  return act(id, () => write('POST /api/v1/alarms/{id}/shelve', { until, reason, request_id: requestId() }, { id }))
}

export function unshelve(id: string): Promise<Alarm | null> {
  return act(id, () => write('POST /api/v1/alarms/{id}/unshelve', { request_id: requestId() }, { id }))
}

export function comment(id: string, text: string): Promise<Alarm | null> {
  return act(id, () => write('POST /api/v1/alarms/{id}/comment', { text, request_id: requestId() }, { id }))
}
