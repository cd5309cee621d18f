/**
 * Web mercator as MapLibre uses it: x and y from 0 to 1 over the whole world, y growing to the south.
 *
 * Marks are kept relative to a local origin so that a float32 on the graphics card is exact to centimetres anywhere in
 * a district; the origin goes into the matrix, in double precision, on the CPU.
 */
export interface Origin {
  x: number
  y: number
}

export const EARTH_METRES = 40_075_016.686

export function mercatorX(lon: number): number {
  return (lon + 180) / 360
}

export function mercatorY(lat: number): number {
  const s = Math.sin((lat * Math.PI) / 180)
  return 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)
}

export function longitude(x: number): number {
  return x * 360 - 180
}

export function latitude(y: number): number {
  return (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI
}

/** Mercator units per metre at a latitude. */
export function perMetre(lat: number): number {
  return 1 / (EARTH_METRES * Math.cos((lat * Math.PI) / 180))
}

/** `matrix · translate(origin)` for a column-major 4×4, in double precision, rounded once to float32. */
export function originMatrix(matrix: ArrayLike<number>, origin: Origin, into: Float32Array): Float32Array {
  for (let i = 0; i < 4; i += 1) {
    const c0 = matrix[i] ?? 0
    const c1 = matrix[4 + i] ?? 0
    into[i] = c0
    into[4 + i] = c1
    into[8 + i] = matrix[8 + i] ?? 0
    into[12 + i] = c0 * origin.x + c1 * origin.y + (matrix[12 + i] ?? 0)
  }
  return into
}

/** Screen place in CSS pixels of a local point, or `null` behind the camera. */
export function toScreen(
  local: ArrayLike<number>,
  x: number,
  y: number,
  width: number,
  height: number,
): { x: number; y: number } | null {
  const m = (i: number) => local[i] ?? 0
  const w = m(3) * x + m(7) * y + m(15)
  if (w <= 0) return null
  return {
    x: (((m(0) * x + m(4) * y + m(12)) / w + 1) * width) / 2,
    y: ((1 - (m(1) * x + m(5) * y + m(13)) / w) * height) / 2,
  }
}
