/** White glyphs of the mark classes on transparent ground, drawn once at start: nothing is downloaded. */
export const CELL = 64
export const COLUMNS = 4
export const ROWS = 2

/** Paths in a 24 × 24 box, in the order of `ICON`. */
const GLYPHS: readonly string[] = [
  // patrol: a person
  'M12 4.2a3.3 3.3 0 1 1 0 6.6a3.3 3.3 0 1 1 0-6.6z M5.6 20c0-4.4 2.7-7.4 6.4-7.4s6.4 3 6.4 7.4z',
  // vehicle: a truck
  'M3 6.5h10.5v9.5H3z M14.5 9.5h3.7l2.8 3.3V16h-6.5z M6.5 15.2a2.1 2.1 0 1 1 0 4.2a2.1 2.1 0 1 1 0-4.2z M17.2 15.2a2.1 2.1 0 1 1 0 4.2a2.1 2.1 0 1 1 0-4.2z',
  // plant: a works with a chimney
  'M4 20V11l5 3.2V11l5 3.2V4.5h3.4L18.6 20z',
  // charger: a bolt
  'M13.6 2.8 6 13.4h4.9L9.8 21.2 18 10.2h-5.3z',
  // environment: a drop
  'M12 3.2c3.4 4.3 5.6 7.3 5.6 10.5a5.6 5.6 0 1 1-11.2 0c0-3.2 2.2-6.2 5.6-10.5z',
  // circuit: a switch box
  'M5 4.5h14v15H5z M8 8v3h8V8z M8 13v3h8v-3z',
  // fixture: a lamp
  'M12 3.5a6 6 0 0 1 3.4 11v2.6H8.6v-2.6a6 6 0 0 1 3.4-11z M9.4 18.6h5.2v2H9.4z',
]

/** The atlas as a canvas; also used by the Canvas 2D fallback. */
export function drawAtlas(): HTMLCanvasElement {
  const canvas = document.createElement('canvas')
  canvas.width = CELL * COLUMNS
  canvas.height = CELL * ROWS
  const draw = canvas.getContext('2d')
  if (draw === null) return canvas
  draw.fillStyle = '#fff'
  GLYPHS.forEach((path, i) => {
    const scale = (CELL - 8) / 24
    draw.setTransform(scale, 0, 0, scale, (i % COLUMNS) * CELL + 4, Math.floor(i / COLUMNS) * CELL + 4)
    draw.fill(new Path2D(path), 'evenodd')
  })
  return canvas
}

/** The same glyphs for the page's own icons. */
export function glyphPath(icon: number): string {
  return GLYPHS[icon] ?? ''
}
