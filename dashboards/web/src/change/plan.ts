/** A plain plan of a few kilometres: degrees to picture points and back, and where a new corner belongs. Pure. */

export type Corner = [lon: number, lat: number]

export interface Frame {
  west: number
  south: number
  east: number
  north: number
}

export function corners(value: unknown): Corner[] {
  if (!Array.isArray(value)) return []
  return value.filter((one): one is Corner => Array.isArray(one) && typeof one[0] === 'number' && typeof one[1] === 'number').map((one) => [one[0], one[1]])
}

/** All pairs of numbers, however deep they lie. */
function* pairs(value: unknown): Generator<Corner> {
  if (!Array.isArray(value)) return
  if (typeof value[0] === 'number' && typeof value[1] === 'number') yield [value[0], value[1]]
  else for (const one of value) yield* pairs(one)
}

/** The box around everything with a margin, as a part of its size; null where there is nothing. */
export function bounds(things: readonly unknown[], margin: number): Frame | null {
  let box: Frame | null = null
  for (const [lon, lat] of pairs(things)) {
    box = box === null ? { west: lon, east: lon, south: lat, north: lat } : { west: Math.min(box.west, lon), east: Math.max(box.east, lon), south: Math.min(box.south, lat), north: Math.max(box.north, lat) }
  }
  if (box === null) return null
  const pad = Math.max(box.east - box.west, box.north - box.south, 0.0005) * margin
  return { west: box.west - pad, east: box.east + pad, south: box.south - pad, north: box.north + pad }
}

export interface Projection {
  xy: (lon: number, lat: number) => [number, number]
  lonLat: (x: number, y: number) => Corner
}

/** Keeps angles: a degree of longitude is shorter by the cosine of the latitude. */
export function mapOf(frame: Frame, width: number, height: number): Projection {
  const middle = (frame.south + frame.north) / 2
  const narrow = Math.cos((middle * Math.PI) / 180)
  const scale = Math.min(width / ((frame.east - frame.west) * narrow), height / (frame.north - frame.south))
  const [cx, cy] = [(frame.west + frame.east) / 2, middle]
  return {
    xy: (lon, lat) => [width / 2 + (lon - cx) * narrow * scale, height / 2 - (lat - cy) * scale],
    lonLat: (x, y) => [cx + (x - width / 2) / (narrow * scale), cy - (y - height / 2) / scale],
  }
}

/** Lines as a path of SVG; points nearer than `least` picture points are left out. */
export function pathOf(coordinates: unknown, xy: Projection['xy'], least: number): string {
  if (!Array.isArray(coordinates)) return ''
  const first = coordinates[0] as unknown
  if (!Array.isArray(first) || typeof first[0] !== 'number') return coordinates.map((one) => pathOf(one, xy, least)).filter((one) => one !== '').join('')
  let path = ''
  let last: [number, number] | null = null
  for (const [lon, lat] of pairs(coordinates)) {
    const [x, y] = xy(lon, lat)
    if (last !== null && Math.hypot(x - last[0], y - last[1]) < least) continue
    path += `${last === null ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`
    last = [x, y]
  }
  return path
}

function distance(point: Corner, a: Corner, b: Corner): number {
  const narrow = Math.cos((point[1] * Math.PI) / 180)
  const [px, py, ax, ay] = [point[0] * narrow, point[1], a[0] * narrow, a[1]]
  const [dx, dy] = [b[0] * narrow - ax, b[1] - ay]
  const along = dx === 0 && dy === 0 ? 0 : Math.max(0, Math.min(1, ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy)))
  return Math.hypot(px - ax - along * dx, py - ay - along * dy)
}

/** The polygon with a new corner on its nearest side. */
export function insertAt(polygon: readonly Corner[], corner: Corner): Corner[] {
  if (polygon.length < 3) return [...polygon, corner]
  let nearest = 0
  let least = Infinity
  polygon.forEach((one, n) => {
    const far = distance(corner, one, polygon[(n + 1) % polygon.length] ?? one)
    if (far < least) [nearest, least] = [n, far]
  })
  return [...polygon.slice(0, nearest + 1), corner, ...polygon.slice(nearest + 1)]
}
