/**
 * The district drawn from its own GeoJSON: no tile, glyph or sprite is fetched, so it works unplugged.
 *
 * One style for both skins: `styleOf` builds it, `recolour` changes only the paint values that differ, so a change of
 * skin neither reloads the data nor moves the view. Labels of areas are points of their own (an area cut into tiles
 * would be labelled once a tile).
 */
import type { Feature, FeatureCollection, Point } from 'geojson'
import type {
  ExpressionSpecification,
  FilterSpecification,
  LayerSpecification,
  Map as LibreMap,
  StyleSpecification,
} from 'maplibre-gl'
import type { District, DistrictLayer, DistrictProperties } from '@/api/types'
import type { Skin } from './appearance'

interface Colours {
  outside: string
  land: string
  park: string
  water: string
  border: string
  outline: string
  casing: string
  minor: string
  road: string
  major: string
  facility: string
  halo: string
  area: string
  street: string
  green: string
  blue: string
}

const COLOURS: Record<Skin, Colours> = {
  seat: {
    outside: '#d6dadc',
    land: '#e9ebec',
    park: '#d9e1d8',
    water: '#c6d3db',
    border: '#9aa5ac',
    outline: '#727f87',
    casing: '#cdd2d5',
    minor: '#f6f7f7',
    road: '#fbfbfb',
    major: '#ffffff',
    facility: '#6c7880',
    halo: '#eef0f1',
    area: '#5a666e',
    street: '#66727a',
    green: '#567059',
    blue: '#4a6b80',
  },
  wall: {
    outside: '#0a0f13',
    land: '#10181d',
    park: '#13221d',
    water: '#12293a',
    border: '#35464f',
    outline: '#5b737f',
    casing: '#0c1317',
    minor: '#1a242b',
    road: '#222f37',
    major: '#2c3c46',
    facility: '#7d909b',
    halo: '#0d1419',
    area: '#9fb0ba',
    street: '#8496a1',
    green: '#78a08a',
    blue: '#6f9fbf',
  },
}

const FONT = ['Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', 'sans-serif']
export const LABEL_FONTS = FONT.map((name) => (name.includes(' ') ? `"${name}"` : name)).join(', ')

const is = (layer: DistrictLayer): ExpressionSpecification => ['==', ['get', 'layer'], layer]
const kindIn = (...kinds: string[]): ExpressionSpecification => ['in', ['get', 'kind'], ['literal', kinds]]

function width(minor: number, secondary: number, primary: number): ExpressionSpecification {
  const by = (k: number): ExpressionSpecification => [
    'match',
    ['get', 'kind'],
    'expressway',
    primary * 1.25 * k,
    'primary',
    primary * k,
    'secondary',
    secondary * k,
    minor * k,
  ]
  return ['interpolate', ['exponential', 1.6], ['zoom'], 11, by(0.35), 14, by(1), 17, by(4.2)]
}

/** Which facilities are drawn from which zoom on; devices stand where stations are, so those names come late. */
const EARLY = ['command_centre', 'waste_plant']
const MIDDLE = ['patrol_base', 'transfer_station', 'depot', 'landmark']

function layers(c: Colours): LayerSpecification[] {
  return [
    { id: 'outside', type: 'background', paint: { 'background-color': c.outside } },
    { id: 'land', type: 'fill', source: 'district', filter: is('outline'), paint: { 'fill-color': c.land } },
    { id: 'park', type: 'fill', source: 'district', filter: is('park'), paint: { 'fill-color': c.park } },
    {
      id: 'water',
      type: 'fill',
      source: 'district',
      filter: ['all', is('water'), ['==', ['geometry-type'], 'Polygon']],
      paint: { 'fill-color': c.water },
    },
    {
      id: 'stream',
      type: 'line',
      source: 'district',
      filter: ['all', is('water'), ['==', ['geometry-type'], 'LineString']],
      paint: { 'line-color': c.water, 'line-width': 3 },
    },
    {
      id: 'road-casing',
      type: 'line',
      source: 'district',
      filter: is('road'),
      minzoom: 12.5,
      layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': c.casing, 'line-width': width(2.6, 4.6, 6.6) },
    },
    {
      id: 'road-minor',
      type: 'line',
      source: 'district',
      filter: ['all', is('road'), ['!', kindIn('secondary', 'primary', 'expressway')]],
      minzoom: 12,
      layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': c.minor, 'line-width': width(1.6, 3.2, 5) },
    },
    {
      id: 'road',
      type: 'line',
      source: 'district',
      filter: ['all', is('road'), ['==', ['get', 'kind'], 'secondary']],
      layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': c.road, 'line-width': width(1.6, 3.2, 5) },
    },
    {
      id: 'road-major',
      type: 'line',
      source: 'district',
      filter: ['all', is('road'), kindIn('primary', 'expressway')],
      layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': c.major, 'line-width': width(1.6, 3.2, 5) },
    },
    {
      id: 'subdistrict',
      type: 'line',
      source: 'district',
      filter: is('subdistrict'),
      paint: { 'line-color': c.border, 'line-width': 1, 'line-dasharray': [4, 2.5] },
    },
    {
      id: 'outline',
      type: 'line',
      source: 'district',
      filter: is('outline'),
      paint: { 'line-color': c.outline, 'line-width': ['interpolate', ['linear'], ['zoom'], 10, 1.2, 15, 2.4] },
    },
    {
      id: 'road-name',
      type: 'symbol',
      source: 'district',
      filter: ['all', is('road'), kindIn('secondary', 'primary', 'expressway')],
      minzoom: 13.2,
      layout: {
        'symbol-placement': 'line',
        'symbol-spacing': 420,
        'text-field': ['get', 'name'],
        'text-font': FONT,
        'text-size': ['interpolate', ['linear'], ['zoom'], 13, 10.5, 17, 13],
        'text-letter-spacing': 0.12,
      },
      paint: { 'text-color': c.street, 'text-halo-color': c.halo, 'text-halo-width': 1.4 },
    },
    {
      id: 'road-name-minor',
      type: 'symbol',
      source: 'district',
      filter: ['all', is('road'), ['!', kindIn('secondary', 'primary', 'expressway')]],
      minzoom: 15.2,
      layout: {
        'symbol-placement': 'line',
        'symbol-spacing': 360,
        'text-field': ['get', 'name'],
        'text-font': FONT,
        'text-size': 11,
        'text-letter-spacing': 0.08,
      },
      paint: { 'text-color': c.street, 'text-halo-color': c.halo, 'text-halo-width': 1.4 },
    },
    ...facility(c, 'facility-early', kindIn(...EARLY), 11.5, 12),
    ...facility(c, 'facility-middle', kindIn(...MIDDLE), 13.6, 14),
    ...facility(c, 'facility-late', ['!', kindIn(...EARLY, ...MIDDLE)], 15, 15.6),
    {
      id: 'area-name',
      type: 'symbol',
      source: 'areas',
      filter: ['!=', ['get', 'layer'], 'subdistrict'],
      minzoom: 13.4,
      layout: { 'text-field': ['get', 'name'], 'text-font': FONT, 'text-size': 11, 'text-max-width': 7 },
      paint: {
        'text-color': ['match', ['get', 'layer'], 'water', c.blue, c.green],
        'text-halo-color': c.halo,
        'text-halo-width': 1.2,
      },
    },
    {
      id: 'subdistrict-name',
      type: 'symbol',
      source: 'areas',
      filter: is('subdistrict'),
      minzoom: 10.5,
      layout: {
        'text-field': ['get', 'name'],
        'text-font': FONT,
        'text-size': ['interpolate', ['linear'], ['zoom'], 11, 11, 14, 15],
        'text-letter-spacing': 0.1,
        'symbol-sort-key': -1,
        'text-padding': 6,
      },
      paint: {
        'text-color': c.area,
        'text-halo-color': c.halo,
        'text-halo-width': 1.8,
        'text-opacity': ['interpolate', ['linear'], ['zoom'], 15, 1, 16.5, 0.45],
      },
    },
  ]
}

function facility(
  c: Colours,
  id: string,
  kinds: ExpressionSpecification,
  dotZoom: number,
  nameZoom: number,
): LayerSpecification[] {
  const filter: FilterSpecification = ['all', is('facility'), kinds]
  return [
    {
      id: `${id}-dot`,
      type: 'circle',
      source: 'district',
      filter,
      minzoom: dotZoom,
      paint: { 'circle-radius': 2.6, 'circle-color': c.halo, 'circle-stroke-color': c.facility, 'circle-stroke-width': 1.5 },
    },
    {
      id: `${id}-name`,
      type: 'symbol',
      source: 'district',
      filter,
      minzoom: nameZoom,
      layout: {
        'text-field': ['get', 'name'],
        'text-font': FONT,
        'text-size': 11,
        'text-anchor': 'top',
        'text-offset': [0, 0.5],
        'text-max-width': 9,
      },
      paint: { 'text-color': c.street, 'text-halo-color': c.halo, 'text-halo-width': 1.4 },
    },
  ]
}

/** Layers of the style that a switch of the layer tree hides. */
export const SWITCHED: Record<'facility' | 'roadname' | 'subdistrict', readonly string[]> = {
  facility: ['early', 'middle', 'late'].flatMap((part) => [`facility-${part}-dot`, `facility-${part}-name`]),
  roadname: ['road-name', 'road-name-minor'],
  subdistrict: ['subdistrict', 'subdistrict-name'],
}

export function styleOf(district: District, skin: Skin): StyleSpecification {
  return {
    version: 8,
    sources: {
      district: { type: 'geojson', data: district, tolerance: 0.3 },
      areas: { type: 'geojson', data: areaLabels(district) },
    },
    layers: layers(COLOURS[skin]),
  }
}

export function recolour(map: LibreMap, skin: Skin): void {
  for (const layer of layers(COLOURS[skin])) {
    if (map.getLayer(layer.id) === undefined) continue
    for (const [name, value] of Object.entries(layer.paint ?? {})) {
      const property = name as Parameters<LibreMap['setPaintProperty']>[1]
      if (map.getPaintProperty(layer.id, property) !== value) map.setPaintProperty(layer.id, property, value)
    }
  }
}

type Ring = readonly (readonly number[])[]

function ringArea(ring: Ring): number {
  let sum = 0
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
    sum += ((ring[j]?.[0] ?? 0) - (ring[i]?.[0] ?? 0)) * ((ring[j]?.[1] ?? 0) + (ring[i]?.[1] ?? 0))
  }
  return sum / 2
}

/** Centre of mass of a ring, in degrees. */
export function ringCentre(ring: Ring): [number, number] {
  const [x0 = 0, y0 = 0] = ring[0] ?? []
  let x = 0
  let y = 0
  let twice = 0
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
    const ax = (ring[j]?.[0] ?? 0) - x0
    const ay = (ring[j]?.[1] ?? 0) - y0
    const bx = (ring[i]?.[0] ?? 0) - x0
    const by = (ring[i]?.[1] ?? 0) - y0
    const cross = ax * by - bx * ay
    twice += cross
    x += (ax + bx) * cross
    y += (ay + by) * cross
  }
  return twice === 0 ? [x0, y0] : [x0 + x / (3 * twice), y0 + y / (3 * twice)]
}

const LABELLED: readonly DistrictLayer[] = ['subdistrict', 'park', 'water']

function areaLabels(district: District): FeatureCollection<Point, DistrictProperties> {
  const features: Feature<Point, DistrictProperties>[] = []
  for (const { geometry, properties } of district.features) {
    if (!LABELLED.includes(properties.layer)) continue
    const polygons =
      geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.type === 'MultiPolygon' ? geometry.coordinates : []
    const rings = polygons.map((polygon) => polygon[0] ?? [])
    const largest = rings.sort((a, b) => Math.abs(ringArea(b)) - Math.abs(ringArea(a)))[0]
    if (largest === undefined) continue
    features.push({
      type: 'Feature',
      geometry: { type: 'Point', coordinates: ringCentre(largest) },
      properties: { layer: properties.layer, name: properties.name },
    })
  }
  return { type: 'FeatureCollection', features }
}

/** West, south, east, north of the outline, or of everything where there is none. */
export function boundsOf(district: District): [number, number, number, number] | null {
  const outlines = district.features.filter((f) => f.properties.layer === 'outline')
  let bounds: [number, number, number, number] | null = null
  const visit = (at: unknown): void => {
    if (!Array.isArray(at)) return
    const [lon, lat] = at as unknown[]
    if (typeof lon === 'number' && typeof lat === 'number') {
      bounds =
        bounds === null
          ? [lon, lat, lon, lat]
          : [Math.min(bounds[0], lon), Math.min(bounds[1], lat), Math.max(bounds[2], lon), Math.max(bounds[3], lat)]
    } else at.forEach(visit)
  }
  for (const { geometry } of outlines.length > 0 ? outlines : district.features) {
    if ('coordinates' in geometry) visit(geometry.coordinates)
  }
  return bounds
}
