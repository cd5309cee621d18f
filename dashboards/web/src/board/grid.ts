/**
 * The rows on the screen: a pool of a few dozen elements, moved and rewritten as the list is scrolled or changes.
 *
 * A framework would compare the cells of every visible row at every frame; here a row whose alarm did not change costs
 * one comparison of two numbers, and a changed one writes only the texts that differ. 10,000 rows at 10,000 changes a
 * second stay at the screen's rate (`tests/browser/bench.mjs`).
 *
 * For a screen reader it is a grid with `aria-activedescendant`: the box has the focus, the row under the cursor speaks.
 */
import type { Alarm, Priority } from '@/api/types'
import { SHAPES } from '@/ui/shapes'
import { isUnacknowledged } from '@/live/troubles'
import type { Row } from './board'

export const ROW_PX = 34
const SPARE = 6
const SVG = 'http://www.w3.org/2000/svg'

export const CELLS = ['select', 'priority', 'state', 'title', 'device', 'place', 'value', 'raised', 'age', 'count', 'act'] as const
export type Cell = (typeof CELLS)[number]

/** Everything a row says, as text; the language and the clock stay with the caller. */
export interface RowWords {
  state: string
  title: string
  device: string
  /** Words about a source that cannot be trusted now; empty while it can. */
  doubt: string
  place: string
  value: string
  limit: string
  raised: string
  age: string
  count: string
  under: string
  /** Label of the acknowledge button; empty without one. */
  act: string
  /** The whole row in one sentence. */
  spoken: string
}

export interface GridHooks {
  words: (alarm: Alarm, row: Row) => RowWords
  open: (id: string) => void
  toggle: (id: string) => void
  select: (id: string, range: boolean) => void
  acknowledge: (id: string) => void
}

interface Line {
  el: HTMLElement
  index: number
  version: number
  /** What besides the alarm decides the look. */
  dress: string
  id: string
  cells: Record<Cell, HTMLElement>
  texts: Record<string, Text>
  path: SVGPathElement
  svg: SVGSVGElement
  fold: HTMLButtonElement
  act: HTMLButtonElement
}

export class BoardGrid {
  private readonly box: HTMLElement
  private readonly body: HTMLElement
  private readonly hooks: GridHooks
  private readonly pool: Line[] = []
  private rows: readonly Row[] = []
  private selected: ReadonlySet<string> = new Set()
  private cursor: string | null = null
  private opened: string | null = null
  private busy: ReadonlySet<string> = new Set()
  private beat = 0
  private height = 0
  private readonly observer: ResizeObserver
  private frame = 0

  constructor(box: HTMLElement, body: HTMLElement, hooks: GridHooks) {
    this.box = box
    this.body = body
    this.hooks = hooks
    this.observer = new ResizeObserver(() => this.soon())
    this.observer.observe(box)
    box.addEventListener('scroll', this.soon, { passive: true })
    body.addEventListener('click', this.onClick)
  }

  destroy(): void {
    this.observer.disconnect()
    cancelAnimationFrame(this.frame)
    this.box.removeEventListener('scroll', this.soon)
    this.body.removeEventListener('click', this.onClick)
    this.body.replaceChildren()
  }

  /** Draws now: the caller is inside an animation frame. */
  show(rows: readonly Row[]): void {
    this.rows = rows
    this.draw()
  }

  mark(selected: ReadonlySet<string>, cursor: string | null, opened: string | null, busy: ReadonlySet<string>): void {
    this.selected = selected
    this.cursor = cursor
    this.opened = opened
    this.busy = busy
    this.soon()
  }

  /** Words have changed although no alarm has: another second, another language. */
  reword(): void {
    this.beat += 1
    this.soon()
  }

  reveal(index: number): void {
    if (index < 0) return
    const y = index * ROW_PX
    const room = this.box.clientHeight - 30
    if (y < this.box.scrollTop) this.box.scrollTop = y
    else if (y + ROW_PX > this.box.scrollTop + room) this.box.scrollTop = y + ROW_PX - room
  }

  /** Rows that fit, for page up and down. */
  page(): number {
    return Math.max(1, Math.floor(this.box.clientHeight / ROW_PX) - 2)
  }

  private readonly soon = (): void => {
    if (this.frame !== 0) return
    this.frame = requestAnimationFrame(() => {
      this.frame = 0
      this.draw()
    })
  }

  private draw(): void {
    const height = this.rows.length * ROW_PX
    if (height !== this.height) {
      this.height = height
      this.body.style.height = `${height}px`
    }
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_PX) - SPARE)
    const last = Math.min(this.rows.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW_PX) + SPARE)
    while (this.pool.length < last - first) this.pool.push(this.build())
    const size = this.pool.length
    for (let index = first; index < last; index += 1) this.paint(this.pool[index % size]!, index)
    // The rest of the pool waits out of sight.
    for (const line of this.pool) {
      if (line.index >= first && line.index < last) continue
      if (line.index === -1) continue
      line.index = -1
      line.id = ''
      line.el.hidden = true
      delete line.el.dataset.testid
      delete line.el.dataset.alarmId
    }
    const at = this.cursor === null ? -1 : this.rows.findIndex((row) => row.entry.alarm.id === this.cursor)
    if (at >= first && at < last) this.box.setAttribute('aria-activedescendant', this.pool[at % size]!.el.id)
    else this.box.removeAttribute('aria-activedescendant')
  }

  private paint(line: Line, index: number): void {
    const row = this.rows[index]
    if (row === undefined) return
    const { alarm, version } = row.entry
    if (line.index !== index) {
      if (line.index < 0) {
        line.el.hidden = false
        line.el.dataset.testid = 'alarm-row'
      }
      line.index = index
      line.el.style.transform = `translateY(${index * ROW_PX}px)`
      line.el.setAttribute('aria-rowindex', String(index + 2))
    }
    const { id } = alarm
    const isSelected = this.selected.has(id)
    const dress = `${this.beat}${isSelected ? 's' : ''}${id === this.cursor ? 'c' : ''}${id === this.opened ? 'o' : ''}${this.busy.has(id) ? 'b' : ''}${row.depth}${row.open ? '-' : '+'}${row.under}`
    if (line.id === id && line.version === version && line.dress === dress) return
    const waits = isUnacknowledged(alarm)
    const words = this.hooks.words(alarm, row)
    const { el, texts, cells } = line
    if (line.id !== id) {
      el.dataset.alarmId = id
      line.id = id
    }
    line.version = version
    line.dress = dress
    attribute(el, 'data-state', alarm.state)
    attribute(el, 'data-priority', alarm.priority)
    attribute(el, 'data-depth', String(row.depth))
    attribute(el, 'aria-selected', String(isSelected))
    attribute(el, 'aria-label', words.spoken)
    el.classList.toggle('waits', waits)
    el.classList.toggle('at', id === this.cursor)
    el.classList.toggle('open', id === this.opened)
    el.classList.toggle('doubt', words.doubt !== '')
    this.shape(line, alarm.priority, waits, !alarm.active)
    for (const name of ['state', 'title', 'device', 'doubt', 'place', 'value', 'limit', 'raised', 'age', 'count', 'under'] as const) {
      const node = texts[name]!
      if (node.data !== words[name]) node.data = words[name]
    }
    attribute(cells.title, 'title', words.title)
    line.fold.hidden = row.under === 0
    if (row.under > 0) {
      attribute(line.fold, 'aria-expanded', String(row.open))
      attribute(line.fold, 'aria-label', words.under)
    }
    line.act.hidden = words.act === ''
    if (words.act !== '') {
      line.act.disabled = this.busy.has(id)
      texts.act!.data = words.act
      attribute(line.act, 'aria-label', `${words.act} ${words.title} ${words.device}`)
    }
  }

  private shape(line: Line, priority: Priority, blink: boolean, hollow: boolean): void {
    attribute(line.path, 'd', SHAPES[priority])
    line.texts.code!.data = priority
    line.svg.classList.toggle('blink', blink)
    line.svg.classList.toggle('hollow', hollow)
  }

  private build(): Line {
    const el = document.createElement('div')
    el.className = 'board-row'
    el.setAttribute('role', 'row')
    el.id = `board-row-${this.pool.length}`
    const cells = {} as Record<Cell, HTMLElement>
    const texts: Record<string, Text> = {}
    const text = (name: string, into: HTMLElement): void => {
      const node = document.createTextNode('')
      texts[name] = node
      into.append(node)
    }
    const span = (name: string, into: HTMLElement, className: string): HTMLElement => {
      const made = document.createElement('span')
      made.className = className
      text(name, made)
      into.append(made)
      return made
    }
    for (const name of CELLS) {
      const cell = document.createElement('span')
      cell.className = `cell ${name}`
      cell.setAttribute('role', 'gridcell')
      cells[name] = cell
      el.append(cell)
    }
    const box = document.createElement('i')
    box.className = 'tick'
    cells.select.append(box)
    const svg = document.createElementNS(SVG, 'svg')
    svg.setAttribute('viewBox', '0 0 16 16')
    svg.setAttribute('width', '15')
    svg.setAttribute('height', '15')
    svg.setAttribute('aria-hidden', 'true')
    const path = document.createElementNS(SVG, 'path')
    svg.append(path)
    cells.priority.append(svg)
    span('code', cells.priority, 'code')
    text('state', cells.state)
    const fold = document.createElement('button')
    fold.type = 'button'
    fold.tabIndex = -1
    fold.className = 'fold'
    fold.dataset.testid = 'alarm-fold'
    span('under', fold, 'under')
    cells.title.append(fold)
    span('title', cells.title, 'what')
    span('device', cells.device, 'name')
    span('doubt', cells.device, 'doubt-mark')
    text('place', cells.place)
    span('value', cells.value, 'number')
    span('limit', cells.value, 'limit')
    for (const name of ['raised', 'age', 'count'] as const) text(name, cells[name])
    const act = document.createElement('button')
    act.type = 'button'
    act.tabIndex = -1
    act.className = 'btn small'
    act.dataset.testid = 'alarm-ack'
    text('act', act)
    cells.act.append(act)
    this.body.append(el)
    return { el, index: -2, version: -1, dress: '', id: '', cells, texts, path, svg, fold, act }
  }

  private readonly onClick = (event: MouseEvent): void => {
    const target = event.target as Element
    const id = target.closest<HTMLElement>('.board-row')?.dataset.alarmId
    if (id === undefined) return
    if (target.closest('.fold') !== null) this.hooks.toggle(id)
    else if (target.closest('.act button') !== null) this.hooks.acknowledge(id)
    else if (target.closest('.select') !== null) this.hooks.select(id, event.shiftKey)
    else if (event.shiftKey) this.hooks.select(id, true)
    else this.hooks.open(id)
  }
}

function attribute(el: Element, name: string, value: string): void {
  if (el.getAttribute(name) !== value) el.setAttribute(name, value)
}
