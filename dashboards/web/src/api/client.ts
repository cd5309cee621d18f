/**
 * The one way to the HTTP API: every call is named in `Reads` or `Writes` with its query, body and answer, so a page
 * cannot fetch anything untyped. A failure is always an `ApiError` that carries the server's own sentence.
 */
import type {
  Alarm,
  AlarmDetail,
  BulkAnswer,
  DeviceClass,
  DeviceView,
  District,
  Floods,
  History,
  Ledger,
  Page,
  Problem,
  Quarantined,
  QuarantineCount,
  Session,
  ServiceChange,
  SessionUser,
  SystemView,
  Track,
  UnitView,
  Witness,
} from './types'

import type { ReadOf, WriteOf } from './document'
import type { DispatchReads, DispatchWrites } from './orders'
import type { Backtest, Change, ChangeDetail, Difference, Edit, RuleAudit, RuleProblem, RulesAnswer, RuleVersion, Suggestions } from './change'
import type { Delivery, DeskName, Handover, KpiReport, Notifications, NotifyAnswer, NotifyRules, PushBrowser, Receiver } from './report'

interface Paging {
  limit?: number
  cursor?: string
}

interface Range {
  from?: number
  to?: number
  max_points?: number
}

interface Period {
  desk?: string
  from: number
  to: number
  utc_offset_min?: number
}

/** A comment, and the revision it was written on. */
interface Said {
  comment?: string
  revision?: number
}

/** A past moment that is open, and how its clock stands. */
export interface PastMoment {
  id: string
  now: number
  speed: number
  ready: boolean
  ended: boolean
}

interface ById {
  path: { id: string }
}

/** GET calls: `{name}` in a path is filled from `path`. */
export interface Reads extends DispatchReads {
  '/api/v1/desks': { answer: DeskName[]; query: object }
  '/api/v1/alarm-kpi': { answer: KpiReport; query: Period & { trend?: 'hour' | 'day' } }
  '/api/v1/handover': { answer: Handover; query: Period }
  '/api/v1/notifications': { answer: Notifications; query: { after?: number; limit?: number } }
  '/api/v1/push/key': { answer: { key: string }; query: object }
  '/api/v1/push/subscriptions': { answer: { items: PushBrowser[] }; query: object }
  '/api/v1/notify/rules': { answer: NotifyAnswer; query: object }
  '/api/v1/notify/deliveries': { answer: Page<Delivery>; query: Paging & { state?: string } }
  '/api/v1/alarm-suggestions': { answer: Suggestions; query: { days?: number } }
  '/api/v1/past/{id}': { answer: PastMoment; query: object } & ById
  '/api/v1/changes': { answer: Page<Change>; query: Paging & { state?: string; requester?: string; overdue?: boolean } }
  '/api/v1/changes/{id}': { answer: ChangeDetail; query: object } & ById
  '/api/v1/changes/{id}/rules': { answer: unknown; query: object } & ById
  '/api/v1/changes/{id}/backtest': { answer: Backtest; query: object } & ById
  '/api/v1/rules': { answer: RulesAnswer; query: object }
  '/api/v1/rules/versions/{id}': { answer: RuleVersion & { rules: unknown; diff: Difference[] }; query: { against?: number } } & ById
  '/api/v1/rules/versions': { answer: RuleVersion[]; query: object }
  '/api/v1/rules/audit': { answer: RuleAudit; query: object }
  '/api/v1/session': { answer: SessionUser; query: object }
  '/api/v1/system': { answer: SystemView; query: object }
  '/api/v1/units': { answer: Page<UnitView>; query: Paging }
  '/api/v1/units/{id}/track': { answer: Track; query: Range; path: { id: string } }
  '/api/v1/devices': { answer: Page<DeviceView>; query: Paging & { class?: DeviceClass } }
  '/api/v1/devices/{id}/history': { answer: History; query: Range & { point: string }; path: { id: string } }
  '/api/v1/alarms': {
    answer: Page<Alarm>
    query: Paging & { state?: string; priority?: string; source?: string; class?: DeviceClass; standing?: boolean }
  }
  '/api/v1/alarms/{id}': { answer: AlarmDetail; query: object; path: { id: string } }
  '/api/v1/floods': { answer: Floods; query: { from: number; to: number } }
  '/api/v1/out-of-service': { answer: { items: ServiceChange[] }; query: object }
  '/api/v1/quarantine': { answer: Page<Quarantined>; query: Paging & { device?: string; reason?: string } }
  '/api/v1/quarantine/counts': { answer: QuarantineCount[]; query: object }
  '/api/v1/ledger': { answer: Ledger; query: object }
  '/api/v1/map/district': { answer: District; query: object }
  '/api/v1/media': ReadOf<'/api/v1/media'>
  '/api/v1/media/{unit}/recordings': ReadOf<'/api/v1/media/{unit}/recordings'>
  '/api/v1/media/{unit}/recordings/{id}/verification': ReadOf<'/api/v1/media/{unit}/recordings/{id}/verification'>
}

/** Calls that change something. */
export interface Writes extends DispatchWrites {
  'POST /api/v1/media/{unit}/record': WriteOf<'POST /api/v1/media/{unit}/record'>
  'PUT /api/v1/media/{unit}/recordings/{id}/hold': WriteOf<'PUT /api/v1/media/{unit}/recordings/{id}/hold'>
  'PUT /api/v1/notifications/read': { body: { seq: number }; answer: { read: number; unread: number } }
  'POST /api/v1/push/subscriptions': { body: { endpoint: string; keys: { p256dh: string; auth: string }; label: string }; answer: PushBrowser }
  'DELETE /api/v1/push/subscriptions': { body: { endpoint: string }; answer: null }
  'POST /api/v1/push/test': { body: object; answer: { seq: number } }
  'PUT /api/v1/notify/rules': { body: NotifyRules; answer: NotifyAnswer }
  'POST /api/v1/notify/test': { body: { receiver: Receiver }; answer: { seq: number } }
  'POST /api/v1/changes': {
    body: { title: string; reason: string; base?: number; effective_at?: number | null; edits?: Edit[]; restore?: number }
    answer: ChangeDetail
  }
  'POST /api/v1/changes/check': {
    body: { base?: number; edits?: Edit[]; rules?: unknown }
    answer: { base: number; diff: Difference[]; problems: RuleProblem[] }
  }
  'PATCH /api/v1/changes/{id}': {
    body: { title?: string; reason?: string; base?: number; effective_at?: number | null; edits?: Edit[]; rules?: unknown; revision?: number }
    answer: ChangeDetail
  } & ById
  'POST /api/v1/changes/{id}/submit': { body: Said; answer: ChangeDetail } & ById
  'POST /api/v1/changes/{id}/withdraw': { body: Said; answer: ChangeDetail } & ById
  'POST /api/v1/changes/{id}/emergency': { body: Said; answer: ChangeDetail } & ById
  'POST /api/v1/changes/{id}/review': { body: Said; answer: ChangeDetail } & ById
  'POST /api/v1/changes/{id}/approve': { body: Said; answer: ChangeDetail } & ById
  'POST /api/v1/changes/{id}/reject': { body: Said; answer: ChangeDetail } & ById
  'POST /api/v1/changes/{id}/verify': { body: Said & { passed: boolean }; answer: ChangeDetail } & ById
  'POST /api/v1/changes/{id}/backtest': { body: { days: number }; answer: Backtest } & ById
  'DELETE /api/v1/changes/{id}/backtest': { body: null; answer: null } & ById
  'POST /api/v1/rules/versions/{id}/rollback': { body: { reason?: string }; answer: ChangeDetail } & ById
  'POST /api/v1/rules/restore': { body: { comment: string }; answer: null }
  'POST /api/v1/past': { body: { at: number; speed?: number }; answer: PastMoment }
  'PUT /api/v1/past/{id}/speed': { body: { speed: number }; answer: PastMoment } & ById
  'DELETE /api/v1/past/{id}': { body: null; answer: null } & ById
  'POST /api/v1/session': { body: { username: string; password: string }; answer: Session }
  'PUT /api/v1/session/password': { body: { current: string; password: string }; answer: null }
  'DELETE /api/v1/session': { body: null; answer: null }
  'POST /api/v1/alarms/{id}/acknowledge': {
    body: { comment?: string; request_id?: string }
    answer: { alarm: Alarm }
    path: { id: string }
  }
  'POST /api/v1/alarms/{id}/shelve': {
    body: { until: number; reason: string; one_shot?: boolean; witness?: Witness; request_id?: string }
    answer: { alarm: Alarm }
    path: { id: string }
  }
  'POST /api/v1/alarms/{id}/unshelve': { body: { request_id?: string }; answer: { alarm: Alarm }; path: { id: string } }
  'POST /api/v1/alarms/{id}/reset': { body: { request_id?: string }; answer: { alarm: Alarm }; path: { id: string } }
  'POST /api/v1/alarms/{id}/unfold': {
    body: { reason: string; request_id?: string }
    answer: { alarm: Alarm }
    path: { id: string }
  }
  'POST /api/v1/alarms/acknowledge': {
    body: { alarms: string[]; comment?: string; request_id?: string }
    answer: BulkAnswer
  }
  'POST /api/v1/devices/{id}/remove-from-service': {
    body: { permit: string; reason: string; planned_return: number; request_id?: string }
    answer: null
    path: { id: string }
  }
  'POST /api/v1/devices/{id}/return-to-service': {
    body: { comment?: string; request_id?: string }
    answer: null
    path: { id: string }
  }
  'POST /api/v1/alarms/{id}/comment': {
    body: { text: string; request_id?: string }
    answer: { alarm: Alarm }
    path: { id: string }
  }
}

type PathOf<C> = C extends { path: infer P } ? [path: P] : []

/** The server refused, or could not be reached (`status` 0). */
export class ApiError extends Error {
  readonly status: number
  readonly retryAfterS: number | null
  /** The whole answer, where it was JSON: some refusals say more than one sentence. */
  readonly problem: unknown

  constructor(status: number, detail: string, retryAfterS: number | null = null, problem: unknown = null) {
    super(detail)
    this.status = status
    this.retryAfterS = retryAfterS
    this.problem = problem
  }
}

let onUnauthorised: () => void = () => undefined

/** Called once by the session module: what to do when the server no longer knows us. */
export function whenUnauthorised(act: () => void): void {
  onUnauthorised = act
}

function fill(template: string, path: Record<string, string | number> | undefined): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path?.[name] ?? ''))
}

/** `undefined` and empty members are left out. */
export function queryText(query: object): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') search.set(name, String(value))
  }
  const text = search.toString()
  return text === '' ? '' : `?${text}`
}

interface Options {
  /** Leaves a 401 to the caller instead of sending the person to the login page. */
  quiet?: boolean
  signal?: AbortSignal
  /** Only if what is there still has this version. */
  ifMatch?: number
  /** A piece of a file: from where on it is. */
  offset?: number
}

async function call(method: string, url: string, body: unknown, { quiet, signal, ifMatch, offset }: Options): Promise<unknown> {
  const headers: Record<string, string> = { Accept: 'application/json' }
  const bytes = body instanceof Blob
  if (ifMatch !== undefined) headers['If-Match'] = String(ifMatch)
  if (method !== 'GET') headers['X-Greenhub-Request'] = '1'
  if (offset !== undefined) headers['Upload-Offset'] = String(offset)
  if (body !== null && body !== undefined) headers['Content-Type'] = bytes ? 'application/offset+octet-stream' : 'application/json'
  let response: Response
  try {
    response = await fetch(url, {
      method,
      headers,
      body: body === null || body === undefined ? undefined : bytes ? body : JSON.stringify(body),
      credentials: 'same-origin',
      signal,
    })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiError(0, '')
  }
  if (response.status === 204) return null
  const text = await response.text()
  if (!response.ok) {
    if (response.status === 401 && !quiet) onUnauthorised()
    const retry = Number(response.headers.get('Retry-After'))
    const problem = problemOf(text)
    const said = problem?.detail ?? problem?.title ?? response.statusText
    throw new ApiError(response.status, said, Number.isFinite(retry) && retry > 0 ? retry : null, problem)
  }
  try {
    return JSON.parse(text)
  } catch {
    throw new ApiError(response.status, `${method} ${url}: not JSON`)
  }
}

function problemOf(text: string): Partial<Problem> | null {
  try {
    return JSON.parse(text) as Partial<Problem>
  } catch {
    return null
  }
}

/** Reads. */
export async function read<K extends keyof Reads>(
  call_: K,
  query: Reads[K]['query'],
  ...rest: [...PathOf<Reads[K]>, options?: Omit<Options, 'ifMatch'>]
): Promise<Reads[K]['answer']> {
  const templated = call_.includes('{')
  const path = templated ? (rest[0] as Record<string, string>) : undefined
  const options = (templated ? rest[1] : rest[0]) as Options | undefined
  return (await call('GET', fill(call_, path) + queryText(query), null, options ?? {})) as Reads[K]['answer']
}

/** Changes something. */
export async function write<K extends keyof Writes>(
  call_: K,
  body: Writes[K]['body'],
  ...rest: [...PathOf<Writes[K]>, options?: Omit<Options, 'signal'>]
): Promise<Writes[K]['answer']> {
  const [method, template] = call_.split(' ') as [string, string]
  const templated = template.includes('{')
  const path = templated ? (rest[0] as Record<string, string>) : undefined
  const options = (templated ? rest[1] : rest[0]) as Options | undefined
  return (await call(method, fill(template, path), body, options ?? {})) as Writes[K]['answer']
}

/** A piece of a file that goes in one request. */
const PIECE_BYTES = 1024 * 1024
/** So often an upload that broke off goes on from where the server stands. */
const TURNS_MAX = 4

/** Sends a file; the answer is its name in acts. The same key again is the same upload, so what broke off goes on. */
export async function upload(file: File, key: string): Promise<string> {
  const form = { request_id: key, name: file.name, size: file.size, media_type: file.type || 'application/octet-stream' }
  for (let turn = 1; ; turn += 1) {
    try {
      const begun = await write('POST /api/v1/files', form)
      if (begun.file !== null) return begun.file
      for (let offset = begun.offset; offset < file.size; offset += PIECE_BYTES) {
        const answer = await call('PATCH', `/api/v1/files/uploads/${encodeURIComponent(begun.upload)}`, file.slice(offset, offset + PIECE_BYTES), { offset })
        const whole = (answer as { file?: string | null } | null)?.file
        if (typeof whole === 'string') return whole
      }
      throw new ApiError(409, '')
    } catch (error) {
      // No network, or the server stands elsewhere than we thought: it says where when it is asked again.
      const again = error instanceof ApiError && [0, 404, 409].includes(error.status) && turn < TURNS_MAX
      if (!again) throw error
    }
  }
}
