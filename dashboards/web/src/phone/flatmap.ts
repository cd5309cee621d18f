/**
 * A small map of our own: the district's outline, roads, parks and water on a 2D canvas. MapLibre would cost three times
 * the whole app, and needs WebGL that old phones lack; here the geometry is kept in the phone and drawn without network.
 *
 * Web Mercator in world units (0..1), a view of centre and pixels per world unit; no rotation.
 */
import type { District } from './api'
import type { LonLat } from './geo'

export interface View {
  x: number
  y: number
  /** Pixels for the whole world. */
  scale: number
}

export const SCALE_MIN = 256 * 2 ** 9
export const SCALE_MAX = 256 * 2 ** 19

export const worldX = (lon: number): number => (lon + 180) / 360
export function worldY(lat: number): number {
  const s = Math.sin((lat * Math.PI) / 180)
  return 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)
}

export function toScreen(view: View, at: LonLat, width: number, height: number): { x: number; y: number } {
  return { x: (worldX(at.lon) - view.x) * view.scale + width / 2, y: (worldY(at.lat) - view.y) * view.scale + height / 2 }
}

/** Zooms by `factor` and keeps the place under (px, py) where it is. */
export function zoomAt(view: View, factor: number, px: number, py: number, width: number, height: number): View {
  const scale = Math.min(SCALE_MAX, Math.max(SCALE_MIN, view.scale * factor))
  const dx = (px - width / 2) * (1 / view.scale - 1 / scale)
  const dy = (py - height / 2) * (1 / view.scale - 1 / scale)
  return { x: view.x + dx, y: view.y + dy, scale }
}

/** A view that shows all places with a margin; one place is shown close. */
export function viewOf(places: readonly LonLat[], width: number, height: number): View | null {
  if (places.length === 0) return null
  const xs = places.map((p) => worldX(p.lon))
  const ys = places.map((p) => worldY(p.lat))
  const [w, e, n, s] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const scale = Math.min((width * 0.8) / Math.max(e - w, 1e-9), (height * 0.7) / Math.max(s - n, 1e-9), 256 * 2 ** 15.5)
  return { x: (w + e) / 2, y: (n + s) / 2, scale: Math.max(SCALE_MIN, scale) }
}

interface Shape {
  layer: string
  kind: string
  name: string
  area: boolean
  path: Path2D
  centre: LonLat
}

type Ring = readonly (readonly number[])[]

/** Paths once, in world units; drawing only changes the transform. */
export function shapesOf(district: District): Shape[] {
  const shapes: Shape[] = []
  for (const { geometry, properties } of district.features) {
    const rings: Ring[] =
      geometry.type === 'Polygon' ? geometry.coordinates
      : geometry.type === 'MultiPolygon' ? geometry.coordinates.flat()
      : geometry.type === 'LineString' ? [geometry.coordinates]
      : geometry.type === 'MultiLineString' ? geometry.coordinates
      : []
    if (rings.length === 0) continue
    const area = geometry.type.endsWith('Polygon')
    const path = new Path2D()
    let [lon, lat, n] = [0, 0, 0]
    for (const ring of rings) {
      ring.forEach(([x = 0, y = 0], i) => {
        if (i === 0) path.moveTo(worldX(x), worldY(y))
        else path.lineTo(worldX(x), worldY(y))
        lon += x
        lat += y
        n += 1
      })
      if (area) path.closePath()
    }
    const { layer, name } = properties
    shapes.push({ layer, kind: String(properties.kind ?? ''), name, area, path, centre: { lon: lon / n, lat: lat / n } })
  }
  const order = ['outline', 'park', 'water', 'subdistrict', 'road']
  return shapes.sort((a, b) => order.indexOf(a.layer) - order.indexOf(b.layer))
}

const FILL: Record<string, string> = { outline: '#e9ebec', park: '#d3e0d2', water: '#c1d5e2' }

export function drawShapes(pen: CanvasRenderingContext2D, shapes: readonly Shape[], view: View, width: number, height: number, dpr: number): void {
  pen.setTransform(dpr, 0, 0, dpr, 0, 0)
  pen.fillStyle = '#dfe4e6'
  pen.fillRect(0, 0, width, height)
  const k = view.scale * dpr
  pen.setTransform(k, 0, 0, k, (width / 2 - view.x * view.scale) * dpr, (height / 2 - view.y * view.scale) * dpr)
  pen.lineCap = 'round'
  pen.lineJoin = 'round'
  const line = (px: number): void => void (pen.lineWidth = px / view.scale)
  const zoom = Math.log2(view.scale / 256)
  for (const shape of shapes) {
    if (shape.area && FILL[shape.layer] !== undefined) {
      pen.fillStyle = FILL[shape.layer] ?? ''
      pen.fill(shape.path)
    }
    if (shape.layer === 'road') {
      const major = shape.kind === 'primary' || shape.kind === 'expressway'
      if (!major && shape.kind !== 'secondary' && zoom < 13) continue
      pen.strokeStyle = '#ffffff'
      line((major ? 5 : 3) * 2 ** Math.max(-1, Math.min(1.5, (zoom - 14) / 2)))
      pen.stroke(shape.path)
    } else if (shape.layer === 'water' && !shape.area) {
      pen.strokeStyle = FILL.water ?? ''
      line(3)
      pen.stroke(shape.path)
    } else if (shape.layer === 'subdistrict' || shape.layer === 'outline') {
      pen.strokeStyle = shape.layer === 'outline' ? '#727f87' : '#a9b2b8'
      line(shape.layer === 'outline' ? 2 : 1)
      pen.stroke(shape.path)
    }
  }
  pen.setTransform(dpr, 0, 0, dpr, 0, 0)
  names(pen, shapes, view, width, height, zoom)
}

function names(pen: CanvasRenderingContext2D, shapes: readonly Shape[], view: View, width: number, height: number, zoom: number): void {
  pen.textAlign = 'center'
  pen.textBaseline = 'middle'
  pen.lineWidth = 3
  pen.strokeStyle = '#eef0f1'
  const taken: { x: number; y: number }[] = []
  for (const shape of [...shapes].reverse()) {
    const road = shape.layer === 'road'
    if (shape.name === '' || shape.layer === 'outline') continue
    if (road ? zoom < 13.5 : shape.layer === 'subdistrict' ? zoom < 11 || zoom > 15.5 : zoom < 14) continue
    const at = toScreen(view, shape.centre, width, height)
    if (at.x < 0 || at.y < 0 || at.x > width || at.y > height) continue
    if (taken.some((one) => Math.abs(one.x - at.x) < 70 && Math.abs(one.y - at.y) < 18)) continue
    taken.push(at)
    pen.font = `${road ? 11 : 13}px system-ui, "Noto Sans CJK SC", sans-serif`
    pen.fillStyle = road ? '#5a666e' : '#44505a'
    pen.strokeText(shape.name, at.x, at.y)
    pen.fillText(shape.name, at.x, at.y)
  }
}

const COLOURS: Record<string, string> = { P1: '#c9202c', P2: '#dd6b00', P3: '#d9a800', P4: '#5a6fb0' }

/** A pin with its priority's colour and, inside, its letter. */
export function drawPin(pen: CanvasRenderingContext2D, x: number, y: number, priority: string, selected: boolean): void {
  const r = selected ? 15 : 12
  pen.beginPath()
  pen.moveTo(x, y)
  pen.arc(x, y - r * 1.6, r, Math.PI * 0.8, Math.PI * 2.2)
  pen.closePath()
  pen.fillStyle = COLOURS[priority] ?? '#59646c'
  pen.strokeStyle = selected ? '#1b2227' : '#ffffff'
  pen.lineWidth = selected ? 3 : 2
  pen.fill()
  pen.stroke()
  pen.fillStyle = priority === 'P3' ? '#1b2227' : '#ffffff'
  pen.font = `600 ${r}px system-ui, sans-serif`
  pen.textAlign = 'center'
  pen.textBaseline = 'middle'
  pen.fillText(priority.slice(1), x, y - r * 1.6)
}

export function drawMe(pen: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  pen.beginPath()
  pen.arc(x, y, Math.max(10, radius), 0, 2 * Math.PI)
  pen.fillStyle = 'rgb(11 111 184 / 16%)'
  pen.fill()
  pen.beginPath()
  pen.arc(x, y, 7, 0, 2 * Math.PI)
  pen.fillStyle = '#0b6fb8'
  pen.strokeStyle = '#ffffff'
  pen.lineWidth = 2.5
  pen.fill()
  pen.stroke()
}
