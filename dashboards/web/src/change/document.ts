/**
 * A rule set as a document: reading and changing it by JSON pointers, and three documents made one. Pure.
 *
 * Rows of a list are known by what they are (`id`, or class, kind, point, code and side of a limit), as the server's
 * differences know them, so a row that moved is no change and one put in between does not change all that follow.
 */
import type { Edit } from '@/api/change'

export type Tree = Record<string, unknown>

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((one, n) => same(one, b[n]))
  if (!isTree(a) || !isTree(b)) return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && same(a[key], b[key]))
}

const unescaped = (key: string) => key.replace(/~1/g, '/').replace(/~0/g, '~')

/** What stands at a pointer; undefined where nothing does. */
export function at(document: unknown, path: string): unknown {
  let here = document
  for (const key of path.split('/').slice(1).map(unescaped)) {
    if (Array.isArray(here)) here = here[Number(key)]
    else if (isTree(here)) here = here[key]
    else return undefined
  }
  return here
}

/** Steps in an order that none of them spoils: changes, then rows taken out from the last on, then rows put behind. */
export function ordered(edits: Iterable<Edit>): Edit[] {
  const rank = (edit: Edit) => (edit.path.endsWith('/-') ? 2 : edit.op === 'remove' ? 1 : 0)
  const place = (edit: Edit) => Number(edit.path.slice(edit.path.lastIndexOf('/') + 1))
  return [...edits].sort((a, b) => {
    if (rank(a) !== rank(b)) return rank(a) - rank(b)
    return rank(a) === 1 && Number.isFinite(place(a)) && Number.isFinite(place(b)) ? place(b) - place(a) : 0
  })
}

function put(here: unknown, keys: readonly string[], edit: Edit): unknown {
  const [key, ...rest] = keys
  if (key === undefined) return edit.op === 'remove' ? undefined : edit.value
  if (Array.isArray(here)) {
    const list = [...(here as unknown[])]
    const index = key === '-' ? list.length : Number(key)
    if (rest.length > 0) list[index] = put(list[index], rest, edit)
    else if (edit.op === 'remove') list.splice(index, 1)
    else if (edit.op === 'add') list.splice(index, 0, edit.value)
    else list[index] = edit.value
    return list
  }
  const members: Tree = isTree(here) ? { ...here } : {}
  const next = put(members[key], rest, edit)
  if (next === undefined) delete members[key]
  else members[key] = next
  return members
}

/** The document with these edits; the one given stays as it is. A list that is not there yet begins with its first row. */
export function applied(document: unknown, edits: Iterable<Edit>): unknown {
  return ordered(edits).reduce((so_far, edit) => {
    const keys = edit.path.split('/').slice(1).map(unescaped)
    if (keys.at(-1) === '-' && at(so_far, edit.path.slice(0, -2)) === undefined) return put(so_far, keys.slice(0, -1), { ...edit, value: [edit.value] })
    return put(so_far, keys, edit)
  }, document)
}

/** As the server takes them: a list that is not there yet is made by one edit that holds all its rows. */
export function sendable(document: unknown, edits: Iterable<Edit>): Edit[] {
  const fresh = new Map<string, Edit>()
  const list: Edit[] = []
  for (const edit of ordered(edits)) {
    const parent = edit.path.slice(0, edit.path.lastIndexOf('/'))
    const missing = at(document, parent) === undefined
    if (edit.path.endsWith('/-') && missing) {
      const known = fresh.get(parent)
      if (known === undefined) fresh.set(parent, { op: 'add', path: parent, value: [edit.value] })
      else (known.value as unknown[]).push(edit.value)
    } else if (missing && edit.op !== 'remove') {
      const key = unescaped(edit.path.slice(parent.length + 1))
      const known = fresh.get(parent)
      if (known === undefined) fresh.set(parent, { op: 'add', path: parent, value: { [key]: edit.value } })
      else (known.value as Tree)[key] = edit.value
    } else list.push(edit)
  }
  return [...list, ...fresh.values()]
}

/** One place where two people changed the same thing to different values. */
export interface Conflict {
  /** Place in words of the document, such as `limits[charger·temperature].limit`. */
  path: string
  was: unknown
  mine: unknown
  theirs: unknown
}

export interface Merged {
  document: unknown
  conflicts: Conflict[]
}

function nameOf(row: unknown): string | null {
  if (!isTree(row)) return null
  if (typeof row.id === 'string') return row.id
  if (typeof row.point === 'string') return [row.class, row.kind ?? '', row.point, row.code, row.side].join('·')
  return typeof row.title === 'string' ? row.title : null
}

function named(list: readonly unknown[]): Map<string, unknown> | null {
  const rows = new Map<string, unknown>()
  for (const row of list) {
    const name = nameOf(row)
    if (name === null) return null
    // Two limits of one point and side differ in their number only: the second is the second.
    let own = name
    for (let n = 2; rows.has(own); n += 1) own = `${name}·${n}`
    rows.set(own, row)
  }
  return rows
}

/**
 * My changes of `base` on top of theirs. Where both changed one thing to different values, it is named, and `choose`
 * says whose stands; mine where it says nothing.
 */
export function merge(base: unknown, mine: unknown, theirs: unknown, choose: ReadonlyMap<string, 'mine' | 'theirs'> = new Map()): Merged {
  const conflicts: Conflict[] = []
  const walk = (path: string, was: unknown, my: unknown, their: unknown): unknown => {
    if (same(my, was)) return their
    if (same(their, was) || same(my, their)) return my
    if (isTree(my) && isTree(their)) {
      const old: Tree = isTree(was) ? was : {}
      const out: Tree = {}
      for (const key of new Set([...Object.keys(their), ...Object.keys(my)])) {
        const value = walk(path === '' ? key : `${path}.${key}`, old[key], my[key], their[key])
        if (value !== undefined) out[key] = value
      }
      return out
    }
    if (Array.isArray(my) && Array.isArray(their)) {
      const [a, b, c] = [named(Array.isArray(was) ? was : []), named(my), named(their)]
      if (a !== null && b !== null && c !== null && my.length + their.length > 0) {
        const out: unknown[] = []
        for (const name of new Set([...c.keys(), ...b.keys()])) {
          const value = walk(`${path}[${name}]`, a.get(name), b.get(name), c.get(name))
          if (value !== undefined) out.push(value)
        }
        return out
      }
    }
    conflicts.push({ path, was, mine: my, theirs: their })
    return choose.get(path) === 'theirs' ? their : my
  }
  // The number of the version is the server's, and no change.
  const plain = (document: unknown) => (isTree(document) ? { ...document, version: 0 } : document)
  const document = walk('', plain(base), plain(mine), plain(theirs))
  return { document, conflicts }
}

/** A value for people: short, on one line. */
export function brief(value: unknown): string {
  if (value === undefined || value === null) return '—'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 90 ? `${text.slice(0, 88)}…` : text
}
