/**
 * One run of the outbox: sends what is due, one row at a time, until nothing is due or the network is gone. It holds no
 * state of its own; whatever happened is in the store before the next row begins, so a killed run costs nothing.
 */
import type { Answer } from '../api'
import { afterAnswer, fallWith, meaning, nextRow, type Row } from './rows'
import { sendRow, type Sending, type Transport } from './send'
import { dropRow, putRows, rowsOf, type Store } from './store'

export interface Flushing {
  store: Store
  user: string
  now: () => number
  hubNow: () => number
  luck: () => number
  transport: Transport
  /** A row left: what the hub answered. */
  sent: (row: Row, answer: Answer) => Promise<void> | void
  progress: (row: string, photo: string, sent: number, of: number) => void
}

export type FlushEnd = 'empty' | 'offline' | 'login' | 'later'

export async function flush(run: Flushing): Promise<FlushEnd> {
  for (;;) {
    const rows = await rowsOf(run.store, run.user)
    const row = nextRow(rows, run.now())
    if (row === null) return rows.some((one) => one.state === 'waiting') ? 'later' : 'empty'
    const answer = await sendRow(row, sendingOf(row, run))
    const said = meaning(answer.status)
    if (said === 'done') {
      // The answer is used before the row goes: killed between, the row is sent again and answered alike.
      await run.sent(row, answer)
      await dropRow(run.store, row)
      continue
    }
    const after = afterAnswer(row, answer, run.now(), run.luck())
    await putRows(run.store, [after, ...(said === 'final' ? fallWith(rows, row.id) : [])])
    if (answer.status === 0) return 'offline'
    if (said === 'login') return 'login'
  }
}

function sendingOf(row: Row, run: Flushing): Sending {
  return {
    transport: run.transport,
    now: run.hubNow,
    photo: (id) => run.store.get('photos', id),
    keepPhoto: async (photo) => {
      await run.store.put('photos', photo)
    },
    progress: (photo, sent, of) => run.progress(row.id, photo, sent, of),
  }
}
