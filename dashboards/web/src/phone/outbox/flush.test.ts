/** The outbox against a hub in memory whose answers get lost, and against its own sudden end. */
import 'fake-indexeddb/auto'
import { beforeEach, expect, test } from 'vitest'
import type { Answer } from '../api'
import { flush, type Flushing } from './flush'
import type { Row } from './rows'
import { PIECE_BYTES, type Transport } from './send'
import { dropFixes, FIXES_MAX, keep, kept, nextSeq, openStore, putFix, putRow, rowsOf, someFixes, type Photo, type Store } from './store'

const answer = (status: number, body: unknown = null, more: Partial<Answer> = {}): Answer => ({
  status, body, detail: status >= 400 ? `refused with ${status}` : '', retryAfterS: null, uploadOffset: null, ...more,
})

/** What a hub does by the contract: knows keys, appends pieces only where they belong. */
class MemoryHub {
  acts: { key: string; path: string; body: Record<string, unknown> }[] = []
  uploads = new Map<string, { key: string; size: number; bytes: Buffer }>()
  requests = 0
  refuse: (body: Record<string, unknown>) => Answer | null = () => null

  handle(method: string, url: string, body: unknown, headers: Record<string, string> = {}): Answer {
    this.requests += 1
    if (method === 'POST' && url === '/api/v1/files') {
      const form = body as { request_id: string; size: number }
      const id = `u-${form.request_id}`
      if (!this.uploads.has(id)) this.uploads.set(id, { key: form.request_id, size: form.size, bytes: Buffer.alloc(0) })
      const upload = this.uploads.get(id)!
      const whole = upload.bytes.length === upload.size
      return answer(200, { upload: id, offset: upload.bytes.length, file: whole ? `f-${form.request_id}` : null })
    }
    if (method === 'PATCH') {
      const upload = this.uploads.get(url.split('/').pop()!)
      if (upload === undefined) return answer(404)
      if (Number(headers['Upload-Offset']) !== upload.bytes.length) return answer(409)
      upload.bytes = Buffer.concat([upload.bytes, Buffer.from(body as ArrayBuffer)])
      const whole = upload.bytes.length === upload.size
      return answer(200, whole ? { file: `f-${upload.key}` } : {}, { uploadOffset: upload.bytes.length })
    }
    const sent = body as Record<string, unknown> & { request_id: string }
    const refused = this.refuse(sent)
    if (refused !== null) return refused
    if (!this.acts.some((act) => act.key === sent.request_id)) this.acts.push({ key: sent.request_id, path: url, body: sent })
    return answer(200, { ok: sent.request_id })
  }
}

let store: Store
let hub: MemoryHub
let names = 0
beforeEach(async () => {
  store = await openStore(`test-${(names += 1)}`)
  hub = new MemoryHub()
})

const photo = (id: string, size: number): Photo => ({
  id, user: 'crew', name: `${id}.jpg`, mediaType: 'image/jpeg', bytes: new Uint8Array(size).map((_, i) => (i * 7 + id.length) % 251).buffer,
  sha256: '', takenAt: 1, lon: 121.45, lat: 31.22, upload: null, file: null,
})

async function put(id: string, act: string, photos: Photo[] = [], dependsOn: string | null = null): Promise<void> {
  const row: Row = {
    id, seq: await nextSeq(store), user: 'crew', kind: 'act', method: 'POST', path: '/api/v1/orders/o/acts', body: { event: { act } },
    photos: photos.map((one) => ({ photo: one.id, role: 'after_near' })), title: 'o', order: 'o', act, createdAt: 0, tries: 0, nextAt: 0,
    dependsOn, state: 'waiting', problem: null,
  }
  await putRow(store, row, photos)
}

const wire: Transport = (method, url, body, headers) => Promise.resolve(hub.handle(method, url, body, headers))
const run = (transport: Transport = wire, more: Partial<Flushing> = {}): Promise<string> =>
  flush({ store, user: 'crew', now: () => 1e12, hubNow: () => 1e12, luck: () => 0, transport, sent: () => undefined, progress: () => undefined, ...more })

test('a life of acts with photos arrives whole and in order, and nothing stays behind', async () => {
  await put('a', 'accept')
  await put('b', 'finish', [photo('p1', 2 * PIECE_BYTES + 5), photo('p2', 10)], 'a')
  expect(await run()).toBe('empty')
  expect(hub.acts.map((act) => act.key)).toEqual(['a', 'b'])
  expect(hub.acts[1]!.body.event).toEqual({
    act: 'finish', attachments: [{ file: 'f-p1', role: 'after_near' }, { file: 'f-p2', role: 'after_near' }],
  })
  expect([...hub.uploads.values()].map((one) => one.bytes.length)).toEqual([2 * PIECE_BYTES + 5, 10])
  expect(await store.count('rows')).toBe(0)
  expect(await store.count('photos')).toBe(0)
})

test('without network nothing leaves; another person neither sends nor sees it', async () => {
  await put('a', 'accept', [photo('p', 10)])
  expect(await run(() => Promise.resolve(answer(0)))).toBe('offline')
  expect(await rowsOf(store, 'crew')).toHaveLength(1)
  expect(await rowsOf(store, 'officer')).toHaveLength(0)
  expect(await run(wire, { user: 'officer' })).toBe('empty')
  expect(hub.requests).toBe(0)
})

test('a session that ended keeps everything for after the login', async () => {
  await put('a', 'accept')
  expect(await run(() => Promise.resolve(answer(401)))).toBe('login')
  expect(await run()).toBe('empty')
  expect(hub.acts).toHaveLength(1)
})

test('a final refusal stays to be seen, with what builds on it; other orders go on', async () => {
  hub.refuse = (body) => (body.request_id === 'a' ? answer(409, null, { detail: '已由他人接单' }) : null)
  await put('a', 'accept', [photo('p', 10)])
  await put('b', 'arrive', [], 'a')
  await put('c', 'comment')
  await run()
  const rows = await rowsOf(store, 'crew')
  expect(rows.map((row) => [row.id, row.state, row.problem?.status])).toEqual([['a', 'refused', 409], ['b', 'refused', 424]])
  expect(rows[0]!.problem?.detail).toBe('已由他人接单')
  expect(hub.acts.map((act) => act.key)).toEqual(['c'])
  expect(await store.count('photos'), 'the photo is kept until then').toBe(1)
})

test('a photo that the hub will not have refuses its act', async () => {
  await put('a', 'finish', [photo('p', 10)])
  await run((method, url, body, headers) => Promise.resolve(url.endsWith('/files') ? answer(415) : hub.handle(method, url, body, headers)))
  expect((await rowsOf(store, 'crew'))[0]).toMatchObject({ state: 'refused', problem: { status: 415 } })
  expect(hub.acts).toHaveLength(0)
})

test('an upload that the hub forgot is begun again', async () => {
  await put('a', 'finish', [photo('p', PIECE_BYTES + 1)])
  let forgot = false
  await run((method, url, body, headers) => {
    if (method === 'PATCH' && headers?.['Upload-Offset'] !== '0' && !forgot) {
      forgot = true
      hub.uploads.clear()
    }
    return Promise.resolve(hub.handle(method, url, body, headers))
  })
  expect(forgot).toBe(true)
  expect(hub.acts).toHaveLength(1)
  expect(hub.uploads.get('u-p')!.bytes).toHaveLength(PIECE_BYTES + 1)
})

class Killed extends Error {}

test.each([1, 2, 3, 4, 5, 6, 7, 8])('requests and answers lost at random, the app killed at random: nothing lost, nothing doubled (seed %i)', { timeout: 60_000 }, async (seed) => {
  let state = seed * 2654435761
  const random = () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0
    return state / 2 ** 32
  }
  const wants: string[] = []
  const photos: Photo[] = []
  for (let n = 0; n < 12; n += 1) {
    const own = Array.from({ length: n % 3 }, (_, k) => photo(`p${n}-${k}`, Math.floor(random() * 2.5 * PIECE_BYTES) + 1))
    photos.push(...own)
    wants.push(`r${n}`)
    await put(`r${n}`, 'comment', own, n % 4 === 3 ? `r${n - 1}` : null)
  }
  const rough: Transport = (method, url, body, headers) => {
    const luck = random()
    if (luck < 0.12) return Promise.resolve(answer(0))
    if (luck < 0.16) return Promise.resolve(answer(503))
    const full = hub.handle(method, url, body, headers)
    if (luck < 0.28) return Promise.resolve(answer(0))
    // The piece reached the hub in part: a cut in the middle of a body.
    if (luck < 0.34 && method === 'PATCH' && full.status === 200) {
      const upload = hub.uploads.get(url.split('/').pop()!)!
      upload.bytes = upload.bytes.subarray(0, upload.bytes.length - Math.floor(random() * (body as ArrayBuffer).byteLength))
      return Promise.resolve(answer(0))
    }
    if (luck < 0.4) throw new Killed()
    return Promise.resolve(full)
  }
  let now = 1e12
  for (let turn = 0; turn < 2_000; turn += 1) {
    now += 120_000
    try {
      if ((await run(rough, { now: () => now })) === 'empty') break
    } catch (error) {
      if (!(error instanceof Killed)) throw error
    }
  }
  expect(hub.acts.map((act) => act.key).sort()).toEqual([...wants].sort())
  for (const one of photos) expect(hub.uploads.get(`u-${one.id}`)!.bytes.equals(Buffer.from(one.bytes)), one.id).toBe(true)
  expect(await store.count('rows')).toBe(0)
  expect(await store.count('photos')).toBe(0)
  for (let n = 3; n < 12; n += 4) {
    const at = (key: string) => hub.acts.findIndex((act) => act.key === key)
    expect(at(`r${n - 1}`), 'what it builds on went first').toBeLessThan(at(`r${n}`))
  }
})

test('copies of what was read, and positions with a bound', async () => {
  await keep(store, 'orders', [1, 2], 7)
  expect(await kept(store, 'orders')).toEqual({ value: [1, 2], at: 7 })
  expect(await kept(store, 'none')).toBeNull()
  const fix = { time: 0, lon: 121.4, lat: 31.2, accuracy_m: 5 }
  for (let n = 0; n < 5; n += 1) await putFix(store, n === 2 ? 'officer' : 'crew', { ...fix, time: n })
  const some = await someFixes(store, 'crew', 3)
  expect(some.fixes.map((one) => one.time)).toEqual([0, 1, 3])
  await dropFixes(store, some.keys)
  expect((await someFixes(store, 'crew', 9)).fixes.map((one) => one.time)).toEqual([4])
  expect(FIXES_MAX).toBeGreaterThan(1_000)
})
