/** The signs of the mark classes, drawn once at start: nothing is downloaded. */
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

/** Bodies of the classes in a box from −1 to 1, in the order of `ICON`. */
const BODIES: readonly ((pen: CanvasRenderingContext2D, r: number) => void)[] = [
  (pen, r) => pen.arc(0, 0, r, 0, 2 * Math.PI),
  (pen, r) => pen.roundRect(-r * 0.94, -r * 0.94, r * 1.88, r * 1.88, r * 0.34),
  (pen, r) => corners(pen, r, 6, Math.PI / 2),
  (pen, r) => pen.roundRect(-r * 0.74, -r * 0.92, r * 1.48, r * 1.84, r * 0.28),
  (pen, r) => corners(pen, r * 1.22, 4, Math.PI / 2),
  (pen, r) => pen.roundRect(-r * 0.95, -r * 0.72, r * 1.9, r * 1.44, r * 0.2),
  (pen, r) => pen.arc(0, 0, r, 0, 2 * Math.PI),
]
/** Column of the heading wedge. */
export const WEDGE = 7
export const SPRITE_COLUMNS = 8
/** Row 0: filled; row 1: hollow, for what is not heard or does not burn. */
export const SPRITE_ROWS = 2
/** A sprite reaches this far beyond the radius of its body, for the border. */
export const SPRITE_REACH = 1.3

function corners(pen: CanvasRenderingContext2D, r: number, count: number, from: number): void {
  for (let i = 0; i < count; i += 1) {
    const angle = from + (i * 2 * Math.PI) / count
    const x = Math.cos(angle) * r
    const y = -Math.sin(angle) * r
    if (i === 0) pen.moveTo(x, y)
    else pen.lineTo(x, y)
  }
  pen.closePath()
}

/**
 * Whole marks as coverage: red is what takes the mark's colour, green the glyph in it, blue all of it with its border.
 * One fetch and a few products a pixel then draw a mark; computing the shapes anew in each pixel of each frame made
 * software rendering eight times slower.
 */
export function drawSprites(): HTMLCanvasElement {
  const canvas = document.createElement('canvas')
  canvas.width = CELL * SPRITE_COLUMNS
  canvas.height = CELL * SPRITE_ROWS
  const pen = canvas.getContext('2d')
  if (pen === null) return canvas
  pen.fillStyle = '#000'
  pen.fillRect(0, 0, canvas.width, canvas.height)
  pen.globalCompositeOperation = 'lighter'
  pen.lineJoin = 'round'
  const r = CELL / 2 / SPRITE_REACH
  for (let row = 0; row < SPRITE_ROWS; row += 1) {
    BODIES.forEach((body, column) => {
      const path = () => {
        pen.setTransform(1, 0, 0, 1, (column + 0.5) * CELL, (row + 0.5) * CELL)
        pen.beginPath()
        body(pen, r)
      }
      path()
      pen.fillStyle = pen.strokeStyle = '#00f'
      pen.fill()
      pen.lineWidth = r * 0.36
      pen.stroke()
      if (row === 0) {
        pen.fillStyle = '#f00'
        pen.fill()
      } else {
        pen.save()
        pen.clip()
        pen.strokeStyle = '#f00'
        pen.lineWidth = r * 0.44
        pen.stroke()
        pen.restore()
        if (column === ICON_FIXTURE) return
      }
      const scale = (r * 1.5) / 24
      pen.setTransform(scale, 0, 0, scale, (column + 0.5) * CELL - r * 0.75, (row + 0.5) * CELL - r * 0.75)
      pen.fillStyle = row === 0 ? '#0f0' : '#f00'
      pen.fill(new Path2D(GLYPHS[column] ?? ''), 'evenodd')
    })
  }
  pen.setTransform(1, 0, 0, 1, (WEDGE + 0.5) * CELL, CELL / 2)
  pen.beginPath()
  corners(pen, r * 0.95, 3, Math.PI / 2)
  pen.fillStyle = pen.strokeStyle = '#00f'
  pen.fill()
  pen.lineWidth = r * 0.36
  pen.stroke()
  pen.fillStyle = '#f00'
  pen.fill()
  return canvas
}

const ICON_FIXTURE = 6
