/** The fallback without WebGL2: Canvas 2D, at most `DRAWN_MAX` marks, the rest gathered into counted clusters. */
import { CELL, COLUMNS, drawAtlas } from './atlas'
import { Flag, STRIDE, type Marks } from './marks'
import { toScreen } from './mercator'
import { fitCanvas, type Frame, type MarkRenderer, type TrackLine } from './renderer'

export const DRAWN_MAX = 1_000
const CLUSTER_PX = 44

interface Seen {
  x: number
  y: number
  marks: Marks
  slot: number
}

export class FlatRenderer implements MarkRenderer {
  readonly canvas = document.createElement('canvas')
  readonly kind = 'flat'
  private readonly atlas = drawAtlas()

  draw(frame: Frame, layers: readonly Marks[], track: TrackLine): void {
    fitCanvas(this.canvas, frame)
    const pen = this.canvas.getContext('2d')
    if (pen === null) return
    pen.setTransform(frame.dpr, 0, 0, frame.dpr, 0, 0)
    pen.clearRect(0, 0, frame.width, frame.height)
    drawTrack(pen, frame, track)
    const plain: Seen[] = []
    const first: Seen[] = []
    for (const marks of layers) {
      marks.dirty = false
      for (let slot = 0; slot < marks.count; slot += 1) {
        const flags = marks.flagsOf(slot)
        if (marks.ids[slot] === null || (flags & Flag.hidden) !== 0) continue
        const place = marks.placeAt(slot, frame.time)
        const at = toScreen(frame.local, place.x, place.y, frame.width, frame.height)
        if (at === null || at.x < -20 || at.y < -20 || at.x > frame.width + 20 || at.y > frame.height + 20) continue
        const seen = { ...at, marks, slot }
        if ((flags & (Flag.emphasis | Flag.selected)) !== 0) first.push(seen)
        else plain.push(seen)
      }
    }
    const room = Math.max(0, DRAWN_MAX - first.length)
    if (plain.length <= room) for (const seen of plain) this.mark(pen, frame, seen)
    else clusters(pen, frame, plain)
    for (const seen of first.slice(0, DRAWN_MAX)) this.mark(pen, frame, seen)
  }

  private mark(pen: CanvasRenderingContext2D, frame: Frame, { x, y, marks, slot }: Seen): void {
    const o = slot * STRIDE + 28
    const [r = 0, g = 0, b = 0, , icon = 0, size = 0, flags = 0, heading = 0] = marks.bytes.subarray(o, o + 8)
    const emphasis = (flags & (Flag.emphasis | Flag.selected)) !== 0
    const radius = emphasis ? Math.max(8, frame.radii[size] ?? 4) : (frame.radii[size] ?? 4)
    pen.globalAlpha = (flags & Flag.faded) !== 0 ? 0.5 : 1
    pen.fillStyle = `rgb(${r} ${g} ${b})`
    if ((flags & Flag.heading) !== 0) {
      pen.save()
      pen.translate(x, y)
      pen.rotate((heading / 256) * 2 * Math.PI - (frame.bearing_deg * Math.PI) / 180)
      pen.beginPath()
      pen.moveTo(0, -radius * 1.25 - 5)
      pen.lineTo(radius * 0.7, -radius * 0.5)
      pen.lineTo(-radius * 0.7, -radius * 0.5)
      pen.fill()
      pen.restore()
    }
    pen.beginPath()
    if (icon === 1 || icon === 3 || icon === 5) pen.roundRect(x - radius, y - radius, radius * 2, radius * 2, radius * 0.3)
    else pen.arc(x, y, radius, 0, 2 * Math.PI)
    if ((flags & Flag.hollow) !== 0) {
      pen.fillStyle = `rgb(${frame.palette.border.join(' ')})`
      pen.fill()
      pen.strokeStyle = `rgb(${r} ${g} ${b})`
      pen.lineWidth = 1.5
      pen.stroke()
    } else {
      pen.fill()
      if (radius > 5.5) {
        const side = radius * 1.5
        pen.drawImage(
          this.atlas,
          (icon % COLUMNS) * CELL,
          Math.floor(icon / COLUMNS) * CELL,
          CELL,
          CELL,
          x - side / 2,
          y - side / 2,
          side,
          side,
        )
      }
    }
    const lit = !frame.animate || frame.time % 1 >= 0.5
    if ((flags & Flag.selected) !== 0 || ((flags & (Flag.blink | Flag.sos)) !== 0 && lit)) {
      pen.strokeStyle =
        (flags & Flag.selected) !== 0 ? `rgb(${frame.palette.selected.join(' ')})` : `rgb(${r} ${g} ${b})`
      pen.lineWidth = 2.5
      pen.beginPath()
      pen.arc(x, y, radius + 4.5, 0, 2 * Math.PI)
      pen.stroke()
    }
    pen.globalAlpha = 1
  }

  destroy(): void {
    this.canvas.remove()
  }
}

function drawTrack(pen: CanvasRenderingContext2D, frame: Frame, track: TrackLine): void {
  track.dirty = false
  const s = track.segments
  if (s.length === 0) return
  pen.strokeStyle = `rgb(${frame.palette.selected.join(' ')})`
  pen.lineWidth = 3
  pen.lineJoin = 'round'
  pen.beginPath()
  for (let i = 0; i < s.length; i += 4) {
    const a = toScreen(frame.local, s[i] ?? 0, s[i + 1] ?? 0, frame.width, frame.height)
    const b = toScreen(frame.local, s[i + 2] ?? 0, s[i + 3] ?? 0, frame.width, frame.height)
    if (a === null || b === null) continue
    pen.moveTo(a.x, a.y)
    pen.lineTo(b.x, b.y)
  }
  pen.stroke()
}

function clusters(pen: CanvasRenderingContext2D, frame: Frame, seen: readonly Seen[]): void {
  const cells = new Map<string, { x: number; y: number; n: number }>()
  for (const { x, y } of seen) {
    const key = `${Math.floor(x / CLUSTER_PX)}:${Math.floor(y / CLUSTER_PX)}`
    const cell = cells.get(key)
    if (cell === undefined) cells.set(key, { x, y, n: 1 })
    else {
      cell.x += (x - cell.x) / (cell.n + 1)
      cell.y += (y - cell.y) / (cell.n + 1)
      cell.n += 1
    }
  }
  pen.textAlign = 'center'
  pen.textBaseline = 'middle'
  pen.font = '11px system-ui, sans-serif'
  for (const { x, y, n } of [...cells.values()].sort((a, b) => b.n - a.n).slice(0, DRAWN_MAX)) {
    pen.fillStyle = `rgb(${frame.palette.device.join(' ')})`
    pen.beginPath()
    pen.arc(x, y, 7 + Math.min(9, Math.sqrt(n)), 0, 2 * Math.PI)
    pen.fill()
    pen.fillStyle = `rgb(${frame.palette.glyph.join(' ')})`
    pen.fillText(String(n), x, y)
  }
}
