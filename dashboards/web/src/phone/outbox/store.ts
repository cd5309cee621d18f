/**
 * What the phone remembers, in IndexedDB: the outbox's rows, their photos, positions that wait, and copies of what was
 * last read, so that the app opens without network.
 *
 * An act and its photos are written in one transaction with `durability: 'strict'`: when the screen says "saved", a dead
 * battery cannot take it back. Photos are kept as bytes, not as blobs, which some WebKit versions lose.
 */
import { openDB, type DBSchema, type IDBPDatabase } from 'idb'
import type { Fix } from '../api'
import type { PhotoUse, Row } from './rows'

export interface Photo {
  /** UUID; the idempotency key of the upload. */
  id: string
  user: string
  name: string
  mediaType: string
  bytes: ArrayBuffer
  sha256: string
  takenAt: number
  lon: number | null
  lat: number | null
  /** The upload at the hub, once it was announced. */
  upload: string | null
  /** The file at the hub, once it is whole there. */
  file: string | null
}

export interface Kept {
  key: string
  at: number
  value: unknown
}

interface Schema extends DBSchema {
  rows: { key: string; value: Row }
  photos: { key: string; value: Photo }
  fixes: { key: number; value: { user: string; fix: Fix } }
  kept: { key: string; value: Kept }
}

export type Store = IDBPDatabase<Schema>

export function openStore(name = 'greenhub-phone'): Promise<Store> {
  return openDB<Schema>(name, 1, {
    upgrade(db) {
      db.createObjectStore('rows', { keyPath: 'id' })
      db.createObjectStore('photos', { keyPath: 'id' })
      db.createObjectStore('fixes', { autoIncrement: true })
      db.createObjectStore('kept', { keyPath: 'key' })
    },
  })
}

/** Safe on disk when it returns; the draft that it was made of goes in the same transaction. */
export async function putRow(store: Store, row: Row, photos: readonly Photo[], draft?: string): Promise<void> {
  const tx = store.transaction(['rows', 'photos', 'kept'], 'readwrite', { durability: 'strict' })
  await Promise.all([
    ...photos.map((photo) => tx.objectStore('photos').put(photo)),
    tx.objectStore('rows').put(row),
    draft === undefined ? undefined : tx.objectStore('kept').delete(draft),
    tx.done,
  ])
}

/** A photo of something that is not sent yet: it is kept from the moment it was taken. */
export async function putDraft(store: Store, draft: string, uses: readonly PhotoUse[], photo: Photo | null, gone: string | null, at: number): Promise<void> {
  const tx = store.transaction(['photos', 'kept'], 'readwrite', { durability: 'strict' })
  await Promise.all([
    photo === null ? undefined : tx.objectStore('photos').put(photo),
    gone === null ? undefined : tx.objectStore('photos').delete(gone),
    tx.objectStore('kept').put({ key: draft, value: [...uses], at }),
    tx.done,
  ])
}

export async function putRows(store: Store, rows: readonly Row[]): Promise<void> {
  const tx = store.transaction('rows', 'readwrite', { durability: 'strict' })
  await Promise.all([...rows.map((row) => tx.store.put(row)), tx.done])
}

/** The row and its photos leave together. */
export async function dropRow(store: Store, row: Row): Promise<void> {
  const tx = store.transaction(['rows', 'photos'], 'readwrite', { durability: 'strict' })
  await Promise.all([
    tx.objectStore('rows').delete(row.id),
    ...row.photos.map(({ photo }) => tx.objectStore('photos').delete(photo)),
    tx.done,
  ])
}

export async function rowsOf(store: Store, user: string): Promise<Row[]> {
  return (await store.getAll('rows')).filter((row) => row.user === user).sort((a, b) => a.seq - b.seq)
}

/** The next number in the order of doing. */
export async function nextSeq(store: Store): Promise<number> {
  return (await store.getAll('rows')).reduce((most, row) => Math.max(most, row.seq), 0) + 1
}

/** A copy of something read, for when there is no network; `at` says how old it is. */
export async function keep(store: Store, key: string, value: unknown, at: number): Promise<void> {
  await store.put('kept', { key, value, at })
}

export async function kept<T>(store: Store, key: string): Promise<{ value: T; at: number } | null> {
  const found = await store.get('kept', key)
  return found === undefined ? null : { value: found.value as T, at: found.at }
}

export const DRAFT = 'draft:'

/** Another person takes the phone: copies go, what is not sent stays for its owner. */
export async function forgetKept(store: Store): Promise<void> {
  const tx = store.transaction('kept', 'readwrite')
  const keys = (await tx.store.getAllKeys()).filter((key) => !key.startsWith(DRAFT))
  await Promise.all([...keys.map((key) => tx.store.delete(key)), tx.done])
}

export const FIXES_MAX = 5_000

/** Keeps a position; of more than the bound the oldest go. */
export async function putFix(store: Store, user: string, fix: Fix): Promise<void> {
  const tx = store.transaction('fixes', 'readwrite')
  await tx.store.add({ user, fix })
  if ((await tx.store.count()) > FIXES_MAX) {
    const oldest = await tx.store.openCursor()
    await oldest?.delete()
  }
  await tx.done
}

export async function someFixes(store: Store, user: string, most: number): Promise<{ keys: number[]; fixes: Fix[] }> {
  const keys: number[] = []
  const fixes: Fix[] = []
  let cursor = await store.transaction('fixes').store.openCursor()
  while (cursor !== null && keys.length < most) {
    if (cursor.value.user === user) {
      keys.push(cursor.key)
      fixes.push(cursor.value.fix)
    }
    cursor = await cursor.continue()
  }
  return { keys, fixes }
}

export async function dropFixes(store: Store, keys: readonly number[]): Promise<void> {
  const tx = store.transaction('fixes', 'readwrite')
  await Promise.all([...keys.map((key) => tx.store.delete(key)), tx.done])
}
