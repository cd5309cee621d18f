/**
 * Names beside marks: only for what is selected, hovered or in trouble, and for units when zoomed in. A canvas of its
 * own with cached text, at most `LABELS_MAX` a frame, none over another.
 */
import type { Skin } from './appearance'

export const LABELS_MAX = 80
const CACHED_MAX = 500
const FONT =
  '600 11.5px system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC", sans-serif'

export interface Label {
  text: string
  /** Priority code in front of the name, where there is trouble. */
  code: string
  /** Colour of the code. */
  colour: string
  x: number
  y: number
  radius: number
  /** Greater ones are placed first. */
  rank: number
}

interface Sprite {
  canvas: HTMLCanvasElement
  width: number
  height: number
}

export class LabelCanvas {
  readonly canvas = document.createElement('canvas')
  private sprites = new Map<string, Sprite>()
  /** What the canvas shows; the same labels at the same pixels are not drawn again. */
  private drawn = ''

  draw(labels: Label[], width: number, height: number, dpr: number, skin: Skin): void {
    labels.sort((a, b) => b.rank - a.rank)
    const signature =
      `${width}:${height}:${dpr}:${skin}` +
      labels.map((l) => `|${l.text}:${l.code}:${Math.round(l.x)}:${Math.round(l.y)}:${l.rank}`).join('')
    if (signature === this.drawn) return
    this.drawn = signature
    // An empty layer over the whole map costs a blend of every pixel at every frame.
    this.canvas.style.visibility = labels.length === 0 ? 'hidden' : 'visible'
    const w = Math.round(width * dpr)
    const h = Math.round(height * dpr)
    if (this.canvas.width !== w) this.canvas.width = w
    if (this.canvas.height !== h) this.canvas.height = h
    const pen = this.canvas.getContext('2d')
    if (pen === null) return
    pen.clearRect(0, 0, w, h)
    const placed: [number, number, number, number][] = []
    for (const label of labels) {
      if (placed.length >= LABELS_MAX) break
      const sprite = this.sprite(label, dpr, skin)
      const left = Math.round(label.x - sprite.width / 2)
      const top = Math.round(label.y + label.radius + 4)
      const hits = placed.some(
        ([x0, y0, x1, y1]) => left < x1 && left + sprite.width > x0 && top < y1 && top + sprite.height > y0,
      )
      if (hits && label.rank < 100) continue
      placed.push([left, top, left + sprite.width, top + sprite.height])
      pen.drawImage(sprite.canvas, Math.round(left * dpr), Math.round(top * dpr))
    }
  }

  private sprite(label: Label, dpr: number, skin: Skin): Sprite {
    const strong = label.rank >= 100
    const key = `${skin}|${dpr}|${strong ? 1 : 0}|${label.code}|${label.text}`
    const known = this.sprites.get(key)
    if (known !== undefined) return known
    if (this.sprites.size >= CACHED_MAX) this.sprites.clear()
    const canvas = document.createElement('canvas')
    const pen = canvas.getContext('2d')
    if (pen === null) return { canvas, width: 0, height: 0 }
    pen.font = FONT
    const code = label.code === '' ? 0 : pen.measureText(label.code).width + 5
    const width = Math.ceil(code + pen.measureText(label.text).width + 10)
    const height = 17
    canvas.width = Math.ceil(width * dpr)
    canvas.height = Math.ceil(height * dpr)
    pen.scale(dpr, dpr)
    pen.font = FONT
    pen.textBaseline = 'middle'
    pen.fillStyle = skin === 'wall' ? 'rgb(13 20 25 / 86%)' : 'rgb(250 251 251 / 88%)'
    pen.beginPath()
    pen.roundRect(0, 0, width, height, 4)
    pen.fill()
    if (strong) {
      pen.strokeStyle = skin === 'wall' ? '#8fd0f7' : '#0b6fb8'
      pen.lineWidth = 1
      pen.beginPath()
      pen.roundRect(0.5, 0.5, width - 1, height - 1, 3.5)
      pen.stroke()
    }
    if (label.code !== '') {
      pen.fillStyle = label.colour
      pen.fillText(label.code, 5, height / 2 + 0.5)
    }
    pen.fillStyle = skin === 'wall' ? '#dde6eb' : '#28323a'
    pen.fillText(label.text, 5 + code, height / 2 + 0.5)
    const sprite = { canvas, width, height }
    this.sprites.set(key, sprite)
    return sprite
  }
}
