/**
 * Which mark is under the pointer: a uniform grid over local mercator space, built anew when the marks have moved and
 * somebody asks. The grid narrows down, the screen distance decides, so bearing and pitch need no special case.
 */
export interface PickPoint {
  x: number
  y: number
  /** The caller's own handle. */
  ref: number
}

export class PickGrid {
  private cells = new Map<number, PickPoint[]>()
  private readonly size: number

  /** `size` is the edge of a cell in local mercator units; about the size of the largest search. */
  constructor(points: Iterable<PickPoint>, size: number) {
    this.size = size
    for (const point of points) {
      const key = this.key(Math.floor(point.x / size), Math.floor(point.y / size))
      const cell = this.cells.get(key)
      if (cell === undefined) this.cells.set(key, [point])
      else cell.push(point)
    }
  }

  /** All points whose square distance from (x, y) may be within `radius`; a superset. */
  *near(x: number, y: number, radius: number): Generator<PickPoint> {
    const s = this.size
    for (let cx = Math.floor((x - radius) / s); cx <= Math.floor((x + radius) / s); cx += 1) {
      for (let cy = Math.floor((y - radius) / s); cy <= Math.floor((y + radius) / s); cy += 1) {
        const cell = this.cells.get(this.key(cx, cy))
        if (cell !== undefined) yield* cell
      }
    }
  }

  private key(cx: number, cy: number): number {
    // 2^26 cells a side are more than a world of 1 m cells; the sum stays an exact integer.
    return (cx + 33_554_432) * 67_108_864 + (cy + 33_554_432)
  }
}
