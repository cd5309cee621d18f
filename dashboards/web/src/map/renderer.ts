/** What a drawer of marks must do; the WebGL2 one and the flat one are interchangeable. */
import type { Palette } from './appearance'
import type { Marks } from './marks'

export interface Frame {
  /** Local origin to clip space, column-major. */
  local: Float32Array
  /** CSS pixels. */
  width: number
  height: number
  dpr: number
  /** Page time, seconds. */
  time: number
  /** Radius in CSS pixels per size class. */
  radii: readonly [number, number, number, number]
  bearing_deg: number
  palette: Palette
  /** Blinking and pulsing is wanted (not when the person asked for reduced motion). */
  animate: boolean
}

/** Segments of a track: x0 y0 x1 y1 relative to the origin, oldest first. */
export interface TrackLine {
  segments: Float32Array
  dirty: boolean
}

export interface MarkRenderer {
  readonly canvas: HTMLCanvasElement
  readonly kind: 'webgl2' | 'flat'
  draw(frame: Frame, layers: readonly Marks[], track: TrackLine): void
  destroy(): void
}

export function fitCanvas(canvas: HTMLCanvasElement, frame: Frame): void {
  const width = Math.round(frame.width * frame.dpr)
  const height = Math.round(frame.height * frame.dpr)
  if (canvas.width !== width) canvas.width = width
  if (canvas.height !== height) canvas.height = height
}
