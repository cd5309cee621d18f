/**
 * The console's view as a URL: place, layers, selection, filters, skin. Pure both ways; what is at its default is left
 * out, what cannot be read falls back to the default, so any link opens something sensible.
 *
 * ```text
 * /map?at=121.40123,31.21034,14.20,0,0&layers=patrol,vehicle&base=roadname&sel=alarm:P-001.SOS.17&tab=orders
 *     &presence=online&priority=P1,P2&state=unacknowledged&q=云杉&skin=wall
 * ```
 */
import type { OrderState } from '@/api/dispatch'
import { PRIORITIES, type AlarmState, type Presence, type Priority } from '@/api/types'
import { MARK_LAYERS, type MarkLayer, type Skin } from '@/map/appearance'
import type { BaseSwitch, Camera } from '@/map/stage'

export type Tab = 'alarms' | 'orders' | 'units' | 'staff'
export const TABS: readonly Tab[] = ['alarms', 'orders', 'units', 'staff']

/** Orders by what they wait for. */
export type Bucket = 'queue' | 'review' | 'moving' | 'check' | 'all'
export const BUCKETS: readonly Bucket[] = ['queue', 'review', 'moving', 'check', 'all']

export function bucketOf(state: OrderState): Exclude<Bucket, 'all'> {
  if (state === 'filed') return 'queue'
  if (state === 'reported') return 'review'
  return state === 'finished' ? 'check' : 'moving'
}

export const BASE_SWITCHES: readonly BaseSwitch[] = ['subdistrict', 'roadname', 'facility']
export const PRESENCES: readonly Presence[] = ['online', 'silent', 'offline']

/** The states an operator filters by; the latched ones go with their plain ones. */
export type StateFacet = 'unacknowledged' | 'acknowledged' | 'returned_unacknowledged' | 'shelved'
export const STATE_FACETS: readonly StateFacet[] = [
  'unacknowledged',
  'acknowledged',
  'returned_unacknowledged',
  'shelved',
]

export interface Selection {
  kind: 'unit' | 'device' | 'alarm' | 'order' | 'person'
  id: string
}

export interface ViewState {
  camera: Camera | null
  layers: MarkLayer[]
  base: BaseSwitch[]
  selection: Selection | null
  tab: Tab
  bucket: Bucket
  presence: Presence[]
  priority: Priority[]
  state: StateFacet[]
  search: string
  track: boolean
  skin: Skin | null
}

export type Query = Record<string, string | null | undefined | (string | null)[]>

export function defaultView(): ViewState {
  return {
    camera: null,
    layers: [...MARK_LAYERS],
    base: [...BASE_SWITCHES],
    selection: null,
    tab: 'alarms',
    bucket: 'all',
    presence: [],
    priority: [],
    state: [],
    search: '',
    track: false,
    skin: null,
  }
}

function text(query: Query, name: string): string | null {
  const value = query[name]
  const one = Array.isArray(value) ? value[0] : value
  return one ?? null
}

function among<T extends string>(value: string | null, all: readonly T[], otherwise: readonly T[]): T[] {
  if (value === null) return [...otherwise]
  if (value === '-') return []
  const named = new Set(value.split(','))
  return all.filter((one) => named.has(one))
}

function parseCamera(value: string | null): Camera | null {
  const [lon, lat, zoom, bearing = 0, pitch = 0] = (value ?? '').split(',').map(Number)
  if (lon === undefined || lat === undefined || zoom === undefined) return null
  if (![lon, lat, zoom, bearing, pitch].every(Number.isFinite)) return null
  if (Math.abs(lon) > 180 || Math.abs(lat) > 85) return null
  return { lon, lat, zoom: Math.min(19, Math.max(9, zoom)), bearing, pitch: Math.min(60, Math.max(0, pitch)) }
}

export function parseSelection(value: string | null): Selection | null {
  const found = /^(unit|device|alarm|order|person):([A-Za-z0-9_.-]{1,170})$/.exec(value ?? '')
  return found === null ? null : { kind: found[1] as Selection['kind'], id: found[2] ?? '' }
}

export function parseView(query: Query): ViewState {
  const tab = text(query, 'tab') as Tab | null
  const skin = text(query, 'skin')
  return {
    camera: parseCamera(text(query, 'at')),
    layers: among(text(query, 'layers'), MARK_LAYERS, MARK_LAYERS),
    base: among(text(query, 'base'), BASE_SWITCHES, BASE_SWITCHES),
    selection: parseSelection(text(query, 'sel')),
    tab: tab !== null && TABS.includes(tab) ? tab : 'alarms',
    bucket: BUCKETS.find((one) => one === text(query, 'queue')) ?? 'all',
    presence: among(text(query, 'presence'), PRESENCES, []),
    priority: among(text(query, 'priority'), PRIORITIES, []),
    state: among(text(query, 'state'), STATE_FACETS, []),
    search: (text(query, 'q') ?? '').slice(0, 80),
    track: text(query, 'track') === '1',
    skin: skin === 'seat' || skin === 'wall' ? skin : null,
  }
}

function list<T extends string>(chosen: readonly T[], otherwise: readonly T[]): string | undefined {
  if (chosen.length === otherwise.length && chosen.every((one) => otherwise.includes(one))) return undefined
  return chosen.length === 0 ? '-' : chosen.join(',')
}

/** Undefined members are at their default and do not enter the URL. */
export function viewQuery(view: ViewState): Record<string, string | undefined> {
  const { camera, selection } = view
  return {
    at:
      camera === null
        ? undefined
        : [
            camera.lon.toFixed(5),
            camera.lat.toFixed(5),
            camera.zoom.toFixed(2),
            ...(camera.bearing === 0 && camera.pitch === 0 ? [] : [camera.bearing.toFixed(0), camera.pitch.toFixed(0)]),
          ].join(','),
    layers: list(view.layers, MARK_LAYERS),
    base: list(view.base, BASE_SWITCHES),
    sel: selection === null ? undefined : `${selection.kind}:${selection.id}`,
    tab: view.tab === 'alarms' ? undefined : view.tab,
    queue: view.bucket === 'all' ? undefined : view.bucket,
    presence: list(view.presence, []),
    priority: list(view.priority, []),
    state: list(view.state, []),
    q: view.search === '' ? undefined : view.search,
    track: view.track ? '1' : undefined,
    skin: view.skin ?? undefined,
  }
}

export function facetOf(state: AlarmState): StateFacet | null {
  switch (state) {
    case 'unacknowledged':
    case 'latched_unacknowledged':
      return 'unacknowledged'
    case 'acknowledged':
    case 'latched_acknowledged':
      return 'acknowledged'
    case 'returned_unacknowledged':
      return 'returned_unacknowledged'
    case 'shelved':
    case 'suppressed_by_design':
    case 'out_of_service':
      return 'shelved'
    case 'normal':
      return null
  }
}
