/**
 * What the phone says to the hub and hears from it. Every call is named in `PhoneReads` with its query and answer; what
 * changes something goes through the outbox and nowhere else, except the session.
 */
import { ApiError, queryText } from '@/api/client'
import type { AttachmentRole, CaseKind, CodeEntry, Order, OrderDetail, OrderEntry, OrderEvent, OrderState } from '@/api/dispatch'
import type { ReadOf, Schemas, Whole } from '@/api/document'
import type { District, Session, SessionUser } from '@/api/types'

export { ApiError }
export type { AttachmentRole, CaseKind, CodeEntry, District, Order, OrderEntry, OrderEvent, OrderState, SessionUser }

/** An order and how it went. */
export type OrderTrace = OrderDetail
/** What opens an order and what acts on one; key and photos are the outbox's to add. */
export type NewOrder = Omit<Schemas['NewOrder'], 'request_id'>
export type NewAct = Omit<Schemas['NewAct'], 'request_id'>
export type Message = Whole<Schemas['OrderMessage']>
/** A position; a phone always knows how good it is. */
export type Fix = Schemas['PhoneFix'] & { accuracy_m: number }
/** Figures of a period, by the definitions of the desk's own. */
export type OwnStatistics = Whole<Schemas['OrderStatistics']>

export type PhoneReads = {
  [P in
    | '/api/v1/session'
    | '/api/v1/orders'
    | '/api/v1/orders/{id}'
    | '/api/v1/orders/{id}/acts/allowed'
    | '/api/v1/dispatch/codes'
    | '/api/v1/me/shift'
    | '/api/v1/me/messages'
    | '/api/v1/me/statistics'
    | '/api/v1/media/{unit}']: ReadOf<P>
} & {
  /** GeoJSON, which the document names and does not spell out. */
  '/api/v1/map/district': { answer: District; query: object }
}

/** A phone waits this long for an answer before it says that there is no network. */
export const PATIENCE_MS = 15_000

export interface Answer {
  status: number
  body: unknown
  detail: string
  retryAfterS: number | null
  uploadOffset: number | null
}

/** One request, never throwing: status 0 is no answer. */
export async function request(method: string, url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const bytes = body instanceof ArrayBuffer || body instanceof Uint8Array
  const all: Record<string, string> = { Accept: 'application/json', ...headers }
  if (method !== 'GET' && method !== 'HEAD') all['X-Greenhub-Request'] = '1'
  if (body !== null && !bytes) all['Content-Type'] = 'application/json'
  const gone: Answer = { status: 0, body: null, detail: '', retryAfterS: null, uploadOffset: null }
  try {
    const response = await fetch(url, {
      method,
      headers: all,
      body: body === null ? undefined : bytes ? (body as BodyInit) : JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    const text = await response.text()
    let parsed: unknown = null
    try {
      parsed = text === '' ? null : JSON.parse(text)
    } catch {
      // A captive portal answers 200 with a page of its own: that is no answer of the hub.
      if (response.ok) return gone
    }
    const problem = parsed as { detail?: string; title?: string } | null
    const number = (name: string) => {
      const value = response.headers.get(name)
      return value === null || !Number.isFinite(Number(value)) ? null : Number(value)
    }
    return {
      status: response.status,
      body: parsed,
      detail: response.ok ? '' : (problem?.detail ?? problem?.title ?? response.statusText),
      retryAfterS: number('Retry-After'),
      uploadOffset: number('Upload-Offset'),
    }
  } catch {
    return gone
  }
}

/** Reads; throws an `ApiError` with the hub's own sentence. */
export async function get<K extends keyof PhoneReads>(
  path: K,
  query: PhoneReads[K]['query'],
  id = '',
): Promise<PhoneReads[K]['answer']> {
  const answer = await request('GET', path.replace(/\{\w+\}/, encodeURIComponent(id)) + queryText(query), null)
  if (answer.status < 200 || answer.status >= 300) throw new ApiError(answer.status, answer.detail, answer.retryAfterS)
  return answer.body as PhoneReads[K]['answer']
}

export async function openSession(username: string, password: string): Promise<Session> {
  const answer = await request('POST', '/api/v1/session', { username, password })
  if (answer.status !== 200) throw new ApiError(answer.status, answer.detail, answer.retryAfterS)
  return answer.body as Session
}

export async function closeSession(): Promise<void> {
  await request('DELETE', '/api/v1/session', null)
}
