import { describe, expect, it } from 'vitest'
import { i18n } from '@/i18n'
import { applied, at, merge, ordered, sendable } from './document'
import { addRow, LISTS, listRows, linksOf, linkRows, linksText, problemsOf, withLinks, withMember, withoutMembers, withoutRow, withRow, type Field } from './lists'
import { bounds, insertAt, mapOf, pathOf } from './plan'
import { kindOf, turned, WATCHES } from './watch'

const rules = {
  version: 3,
  limits: [{ class: 'charger', point: 'temperature', code: 'HOT', side: 'high', limit: 85, deadband: 3 }],
  watches: [{ id: 'a', on_delay_ms: 0 }, { id: 'b', on_delay_ms: 0 }, { id: 'c', on_delay_ms: 0 }],
  correlate: { links: { power: { 'K-1': ['F-1'] } }, desks: [{ id: 'east', title: '东' }] },
}

describe('a document', () => {
  it('is read and changed by pointers, and stays as it was', () => {
    expect(at(rules, '/watches/1/id')).toBe('b')
    expect(at(rules, '/nothing/here')).toBeUndefined()
    const edits = [
      { op: 'add', path: '/watches/-', value: { id: 'd' } },
      { op: 'remove', path: '/watches/0' },
      { op: 'remove', path: '/watches/2' },
      { op: 'replace', path: '/watches/1', value: { id: 'B' } },
      { op: 'add', path: '/fences/-', value: { id: 'f' } },
    ] as const
    const next = applied(rules, edits) as typeof rules & { fences: unknown[] }
    expect(next.watches).toEqual([{ id: 'B' }, { id: 'd' }])
    expect(next.fences).toEqual([{ id: 'f' }])
    expect(rules.watches).toHaveLength(3)
    expect(ordered(edits).map((one) => one.path)).toEqual(['/watches/1', '/watches/2', '/watches/0', '/watches/-', '/fences/-'])
    expect(sendable(rules, edits).at(-1)).toEqual({ op: 'add', path: '/fences', value: [{ id: 'f' }] })
  })

  it('follows another version, and names what meets', () => {
    const mine = applied(rules, [{ op: 'replace', path: '/limits/0/limit', value: 90 }, { op: 'add', path: '/watches/-', value: { id: 'mine' } }])
    const theirs = { ...(applied(rules, [{ op: 'remove', path: '/watches/0' }, { op: 'replace', path: '/limits/0/deadband', value: 4 }]) as object), version: 4 }
    const clean = merge(rules, mine, theirs)
    expect(clean.conflicts).toEqual([])
    expect(at(clean.document, '/limits/0')).toMatchObject({ limit: 90, deadband: 4 })
    expect((at(clean.document, '/watches') as { id: string }[]).map((one) => one.id)).toEqual(['b', 'c', 'mine'])
    const other = applied(rules, [{ op: 'replace', path: '/limits/0/limit', value: 80 }])
    const met = merge(rules, mine, other)
    expect(met.conflicts).toEqual([{ path: 'limits[charger··temperature·HOT·high].limit', was: 85, mine: 90, theirs: 80 }])
    expect(at(met.document, '/limits/0/limit')).toBe(90)
    const chosen = merge(rules, mine, other, new Map([[met.conflicts[0]!.path, 'theirs']]))
    expect(at(chosen.document, '/limits/0/limit')).toBe(80)
    const two = { limits: [rules.limits[0], { ...rules.limits[0], limit: 95 }] }
    const twice = merge(two, applied(two, [{ op: 'replace', path: '/limits/1/limit', value: 99 }]), applied(two, [{ op: 'replace', path: '/limits/0/limit', value: 80 }]))
    expect(twice.conflicts).toEqual([])
    expect((at(twice.document, '/limits') as { limit: number }[]).map((one) => one.limit)).toEqual([80, 99])
    const gone = merge(rules, applied(rules, [{ op: 'replace', path: '/watches/0/on_delay_ms', value: 5 }]), applied(rules, [{ op: 'remove', path: '/watches/0' }]))
    expect(gone.conflicts.map((one) => one.path)).toEqual(['watches[a]'])
  })
})

describe('lists', () => {
  it('keep each edit of a row, and none where nothing changed', () => {
    let edits = withRow(rules, new Map(), '/watches/1', { id: 'b', on_delay_ms: 9 })
    expect(listRows(rules, edits, 'watches').map((one) => one.state)).toEqual(['same', 'changed', 'same'])
    edits = withRow(rules, edits, '/watches/1', { on_delay_ms: 0, id: 'b' })
    expect(edits.size).toBe(0)
    const made = addRow(rules, edits, 'watches')
    expect(made.edits.get(made.key)).toMatchObject({ op: 'add', path: '/watches/-', value: { id: 'watches-1', class: 'charger' } })
    const rows = listRows(rules, made.edits, 'watches')
    const without = withoutRow(made.edits, rows[0]!)
    const left = listRows(rules, without, 'watches')
    expect(left.map((one) => one.state)).toEqual(['removed', 'same', 'same', 'new'])
    // The server counts the rows as they will be.
    const said = [{ path: 'watches[2].code', text: 'x' }, { path: 'watches[0]', text: 'y' }]
    expect(problemsOf(left, left[3]!, 'watches', said)).toEqual([{ member: 'code', text: 'x' }])
    expect(problemsOf(left, left[1]!, 'watches', said)).toEqual([{ member: '', text: 'y' }])
    expect(problemsOf(left, left[0]!, 'watches', said)).toEqual([])
    expect(withoutRow(without, left[3]!).has(made.key)).toBe(false)
  })

  it('read topology as lines and write it back', () => {
    const { links, bad } = linksOf('power\tK-1\tF-1\nnetwork  SW-3 CORE-1\npower,K-1,F-2\n\nlonely\n机房 A,K-9')
    expect(links).toEqual({ power: { 'K-1': ['F-1', 'F-2'] }, network: { 'SW-3': ['CORE-1'] } })
    expect(bad).toEqual([5, 6])
    expect(withLinks(rules, new Map(), { power: { 'K-1': ['F-1'] } }).size).toBe(0)
    const edits = withLinks(rules, new Map(), links)
    expect(linksText(linkRows(rules, edits))).toBe('power\tK-1\tF-1\tF-2\nnetwork\tSW-3\tCORE-1')
    expect(linkRows(rules, edits).map((one) => one.changed)).toEqual([true, true])
  })
})

describe('watches and fences', () => {
  it('have a word for each member in both languages', () => {
    const fields: Field[] = [...Object.values(LISTS).flatMap((one) => [...one.fields] as Field[]), ...(Object.values(WATCHES).flat() as Field[])]
    const missing = (['zh-CN', 'en'] as const).flatMap((language) => fields.filter((one) => !i18n.global.te(one.word, language)).map((one) => `${language} ${one.word}`))
    expect(missing).toEqual([])
    expect(i18n.global.t('change.inputHint')).toContain('@on')
  })

  it('turn into another kind and keep what both have', () => {
    expect(kindOf({ rate: {} })).toBe('rate')
    const rate = turned({ stuck: { point: 'temperature', for_ms: 5 } }, 'rate')
    expect(rate).toMatchObject({ rate: { point: 'temperature', window_ms: 60_000, rise: 10 } })
    expect(turned(rate, 'all')).toEqual({ all: [{ point: 'temperature', is: 'above', value: 0, deadband: 0 }] })
  })

  it('are drawn true to angles and grow at the nearest side', () => {
    const map = mapOf({ west: 121.4, east: 121.5, south: 31.2, north: 31.3 }, 560, 340)
    const [x, y] = map.xy(121.43, 31.22)
    const [lon, lat] = map.lonLat(x, y)
    expect(lon).toBeCloseTo(121.43, 9)
    expect(lat).toBeCloseTo(31.22, 9)
    expect(bounds([[[1, 2], [3, 5]]], 0)).toEqual({ west: 1, east: 3, south: 2, north: 5 })
    expect(bounds([], 0)).toBeNull()
    expect(pathOf([[[0, 0], [0.1, 0], [5, 5]]], (a, b) => [a, b], 1)).toBe('M0.0 0.0L5.0 5.0')
    expect(insertAt([[0, 0], [1, 0], [1, 1], [0, 1]], [0.5, -0.1])).toEqual([[0, 0], [0.5, -0.1], [1, 0], [1, 1], [0, 1]])
  })
})

describe('weights of the priority', () => {
  it('begin a list that is not there yet, and have no id of their own', () => {
    const made = addRow({ priority: {} }, new Map(), 'redundancy')
    expect([...made.edits.values()]).toEqual([{ op: 'add', path: '/priority/redundancy/-', value: { title: '', members: [], codes: [], points: [{ lost: 1, points: 5 }] } }])
    expect(sendable({ priority: {} }, made.edits.values())).toEqual([{ op: 'add', path: '/priority/redundancy', value: [{ title: '', members: [], codes: [], points: [{ lost: 1, points: 5 }] }] }])
    const [row] = listRows({ priority: {} }, made.edits, 'redundancy')
    expect(problemsOf([row!], row!, 'redundancy', [{ path: 'priority.redundancy[0].members', text: '少' }])).toEqual([{ member: 'members', text: '少' }])
  })
})

describe('rows under a name', () => {
  const rules = { types: { light: { SUPPLY_LOSS: { title: '失电', cause: '', at_least: null, weights: { safety: 0 } } } }, defaults: { light: { title: '灯' } } }

  it('are edited member by member, by the paths of the tables of cells', () => {
    const key = '/types/light/SUPPLY_LOSS'
    const edits = withMember(rules, withMember(rules, new Map(), key, 'cause', '跳闸'), key, 'weights.safety', 2)
    expect([...edits.keys()]).toEqual([`${key}/cause`, `${key}/weights/safety`])
    const [row] = listRows(rules, edits, 'texts')
    expect(row).toMatchObject({ key, class: 'light', state: 'changed', row: { title: '失电', cause: '跳闸', weights: { safety: 2 } } })
    expect(problemsOf([row!], row!, 'texts', [{ path: 'types.light.SUPPLY_LOSS.cause', text: '长' }])).toEqual([{ member: 'cause', text: '长' }])
    expect(withoutMembers(edits, key).size).toBe(0)
  })

  it('leave no edit where the value is as it was', () => {
    expect(withMember(rules, new Map(), '/types/light/SUPPLY_LOSS', 'at_least', undefined).size).toBe(0)
    expect(withMember(rules, new Map(), '/defaults/light', 'title', '灯').size).toBe(0)
    expect(withMember(rules, new Map(), '/defaults/light', 'cause', '')).toEqual(new Map([['/defaults/light/cause', { op: 'add', path: '/defaults/light/cause', value: '' }]]))
    expect(listRows(rules, new Map(), 'defaults').map((one) => [one.class, one.state])).toEqual([['light', 'same']])
  })
})
