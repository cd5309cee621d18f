import { describe, expect, it } from 'vitest'
import { alarm, order } from '@/testing/things'
import { compareAlarms, compareOrders } from './order'
import { GAP_MS, lineOf } from './track'
import { defaultView, parseSelection, parseView, viewQuery, type Query, type ViewState } from './view'

describe('view in the URL', () => {
  it('leaves a default view out of the URL', () => {
    expect(Object.values(viewQuery(defaultView())).filter((value) => value !== undefined)).toEqual([])
  })

  const views: [string, Partial<ViewState>][] = [
    ['a place', { camera: { lon: 121.40123, lat: 31.21034, zoom: 14.2, bearing: 0, pitch: 0 } }],
    ['a turned place', { camera: { lon: -1.5, lat: -31.2, zoom: 9, bearing: -45, pitch: 60 } }],
    ['layers', { layers: ['patrol', 'vehicle'] }],
    ['no layers at all', { layers: [], base: [] }],
    ['a selection', { selection: { kind: 'alarm', id: 'P-001.SOS.17' } }],
    ['filters', { presence: ['online'], priority: ['P1', 'P2'], state: ['unacknowledged'], search: '云杉 & 路' }],
    ['the rest', { tab: 'orders', track: true, skin: 'wall' }],
  ]
  it.each(views)('comes back the same: %s', (_, change) => {
    const view = { ...defaultView(), ...change }
    const query = Object.fromEntries(Object.entries(viewQuery(view)).filter(([, value]) => value !== undefined))
    expect(parseView(query)).toEqual(view)
  })

  const odd: [string, Query, Partial<ViewState>][] = [
    ['not numbers', { at: 'a,b,c' }, { camera: null }],
    ['off the earth', { at: '400,31,12' }, { camera: null }],
    ['too close', { at: '121,31,99,0,89' }, { camera: { lon: 121, lat: 31, zoom: 19, bearing: 0, pitch: 60 } }],
    ['unknown layers', { layers: 'patrol,cars' }, { layers: ['patrol'] }],
    ['an unknown tab', { tab: 'x' }, { tab: 'alarms' }],
    ['a bad selection', { sel: 'alarm:<script>' }, { selection: null }],
    ['a repeated member', { tab: ['orders', 'units'] }, { tab: 'orders' }],
  ]
  it.each(odd)('falls back to something sensible: %s', (_, query, expected) => {
    expect(parseView(query)).toEqual({ ...defaultView(), ...expected })
  })

  it('knows the four kinds of selection', () => {
    expect(parseSelection('unit:P-1')).toEqual({ kind: 'unit', id: 'P-1' })
    expect(parseSelection('street:1')).toBeNull()
    expect(parseSelection(null)).toBeNull()
  })
})

describe('order of lists', () => {
  it('puts what needs an act first, then priority, then first-out', () => {
    const list = [
      alarm('acked P1', { state: 'acknowledged', priority: 'P1' }),
      alarm('late P2', { priority: 'P2', raised_at: 30 }),
      alarm('returned P1', { state: 'returned_unacknowledged', priority: 'P1' }),
      alarm('first P2', { priority: 'P2', raised_at: 20 }),
      alarm('latched P1', { state: 'latched_unacknowledged', priority: 'P1', raised_at: 99 }),
      alarm('shelved P1', { state: 'shelved', priority: 'P1' }),
      alarm('same moment', { priority: 'P2', raised_at: 30, first_position: 0 }),
    ]
    expect(list.sort(compareAlarms).map((one) => one.id)).toEqual([
      'latched P1',
      'first P2',
      'same moment',
      'late P2',
      'returned P1',
      'acked P1',
      'shelved P1',
    ])
  })

  it('puts orders to dispatch first, then priority, then the longest wait', () => {
    const list = [
      order('accepted P1', { state: 'accepted', priority: 'P1' }),
      order('new P2', { created_at: 30 }),
      order('old P2', { created_at: 20 }),
      order('P1', { priority: 'P1', created_at: 40 }),
      order('dispatched P1', { state: 'dispatched', priority: 'P1' }),
    ]
    expect(list.sort(compareOrders).map((one) => one.id)).toEqual([
      'P1',
      'old P2',
      'new P2',
      'dispatched P1',
      'accepted P1',
    ])
  })
})

describe('track line', () => {
  const fix = (time: number, lon = 121.4) => ({ time, lon, lat: 31.2, speed: null })
  it('breaks where nothing was heard for long, and at a jump', () => {
    expect(lineOf([fix(0), fix(1_000, 121.401)])).toEqual([[121.4, 31.2], [121.401, 31.2]])
    expect(lineOf([fix(0), fix(GAP_MS + 1)])).toContain(null)
    expect(lineOf([fix(0), fix(GAP_MS)])).not.toContain(null)
    expect(lineOf([fix(0), fix(1_000, 121.5)])).toContain(null)
    expect(lineOf([])).toEqual([])
  })
})
