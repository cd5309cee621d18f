import { describe, expect, it } from 'vitest'
import { edited, held, limitRows, numberRows, shown, typed, typeRows } from './rules'

const rules = {
  version: 3,
  priority: { p1_from: 90, severity: { critical: 50 } },
  merge: { reopen_window_ms: 600_000, chatter_raises: 3 },
  classes: { plant: { silent_after_ms: 30_000 } },
  points: { plant: { temperature: { label: '炉膛温度', unit: 'Cel', min: 0, max: 1500 } } },
  types: { plant: { 'A/B': { title: '炉膛温度偏低', severity: 'major', weights: { safety: 2 }, respond_within_min: 5 } } },
  limits: [{ class: 'plant', point: 'temperature', code: 'A/B', side: 'low', limit: 850, on_delay_ms: 5000, severity: 'major' }],
}

describe('tables', () => {
  it('name a limit by its type, its point and its unit', () => {
    const [row] = limitRows(rules)
    expect(row).toMatchObject({ title: '炉膛温度偏低', sub: '炉膛温度 <', unit: 'Cel', class: 'plant' })
    expect(row?.cells.limit).toEqual({ path: '/limits/0/limit', kind: 'number', value: 850, missing: false })
    expect(row?.cells.deadband?.missing).toBe(true)
  })

  it('escape what a pointer must escape', () => {
    const [row] = typeRows(rules)
    expect(row?.cells.severity?.path).toBe('/types/plant/A~1B/severity')
    expect(row?.cells.safety).toMatchObject({ path: '/types/plant/A~1B/weights/safety', value: 2 })
  })

  it('list single numbers, no tables', () => {
    expect(numberRows(rules).map((row) => row.id)).toEqual([
      '/priority/p1_from',
      '/merge/reopen_window_ms',
      '/merge/chatter_raises',
      '/classes/plant/silent_after_ms',
    ])
  })

  it.each([null, undefined, 7, 'rules', [], { limits: 'none', types: { plant: 3 } }])('survive %j', (odd) => {
    expect([limitRows(odd), typeRows(odd), numberRows(odd)]).toEqual([[], [], []])
  })
})

it.each([
  ['seconds', 5000, '5'],
  ['seconds', 1500, '1.5'],
  ['minutes', 600_000, '10'],
  ['number', 0, '0'],
  ['flag', false, 'false'],
  ['priority', null, ''],
] as const)('%s %s is shown as "%s" and read back', (kind, value, text) => {
  expect(shown(kind, value)).toBe(text)
  expect(typed(kind, text)).toBe(value)
})

it.each([
  ['number', 'twelve'],
  ['severity', 'terrible'],
  ['priority', 'P9'],
  ['seconds', '1e999'],
] as const)('%s does not take "%s"', (kind, text) => {
  expect(typed(kind, text)).toBeUndefined()
})

describe('edits', () => {
  const cell = limitRows(rules)[0]!.cells.limit!
  const missing = limitRows(rules)[0]!.cells.deadband!

  it('replace, and are gone when the old value comes back', () => {
    const one = edited(new Map(), cell, 840)
    expect([...one.values()]).toEqual([{ op: 'replace', path: '/limits/0/limit', value: 840 }])
    expect(held(one, cell)).toBe(840)
    expect(edited(one, cell, 850).size).toBe(0)
  })

  it('add what is missing and remove what is emptied', () => {
    expect([...edited(new Map(), missing, 5).values()]).toEqual([{ op: 'add', path: '/limits/0/deadband', value: 5 }])
    const removed = edited(new Map(), cell, null)
    expect([...removed.values()]).toEqual([{ op: 'remove', path: '/limits/0/limit' }])
    expect(held(removed, cell)).toBeNull()
  })

  it('ignore what cannot be read', () => {
    expect(edited(new Map(), cell, undefined).size).toBe(0)
  })
})
