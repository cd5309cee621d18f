/** The board fed by the live picture: rows at every frame for the grid, counts a few times a second for the rest. */
import { onBeforeUnmount, shallowRef, type ShallowRef } from 'vue'
import type { Alarm } from '@/api/types'
import * as hub from '@/live/hub'
import { Board, type FacetCounts, type Filter, type Summary } from './board'

const COUNTS_MS = 250
/** An alarm that needs a person at once is not to wait for the next count. */
const HEAD_MS = 80

export interface LiveBoard {
  board: Board
  counts: ShallowRef<FacetCounts>
  summary: ShallowRef<Summary>
  /** Rows and alarms shown now. */
  shown: ShallowRef<number>
  /** Ticks with every frame in which an alarm changed. */
  beat: ShallowRef<number>
  setFilter: (filter: Filter) => void
  toggle: (id: string, open?: boolean) => void
  openAll: (open: boolean) => void
}

export function useBoard(desksOf: (alarm: Alarm) => readonly string[], draw: (board: Board) => void): LiveBoard {
  const board = new Board(desksOf)
  for (const [id, alarm] of hub.picture.alarms) board.apply(id, alarm)
  const counts = shallowRef(board.counts())
  const summary = shallowRef(board.summary())
  const shown = shallowRef(board.rows().length)
  const beat = shallowRef(0)
  let countedAt = 0
  let headedAt = 0
  let timer = 0

  function count(now: number): void {
    countedAt = now
    headedAt = now
    counts.value = board.counts()
    summary.value = board.summary()
    shown.value = board.rows().length
  }

  function tell(): void {
    const now = performance.now()
    if (now - countedAt >= COUNTS_MS) count(now)
    else if (now - headedAt >= HEAD_MS) {
      headedAt = now
      summary.value = board.summary()
      shown.value = board.rows().length
    }
    // The last change of a burst is counted too.
    if (timer === 0) {
      timer = window.setTimeout(() => {
        timer = 0
        count(performance.now())
      }, COUNTS_MS)
    }
  }

  const stop = hub.onFrame((changes) => {
    if (changes.alarms.size === 0 && changes.devices.size === 0) return
    for (const id of changes.alarms) board.apply(id, hub.picture.alarms.get(id))
    if (changes.alarms.size === 0) return
    draw(board)
    beat.value += 1
    tell()
  })
  onBeforeUnmount(() => {
    stop()
    window.clearTimeout(timer)
  })

  function redraw(): void {
    count(performance.now())
    draw(board)
  }

  return {
    board,
    counts,
    summary,
    shown,
    beat,
    setFilter: (filter) => {
      board.setFilter(filter)
      redraw()
    },
    toggle: (id, open) => {
      board.toggle(id, open)
      redraw()
    },
    openAll: (open) => {
      board.openAll(open)
      redraw()
    },
  }
}
