/**
 * A past moment on the whole page: opened at the server, watched through the same live client, with a clock that a person
 * turns. The server closes a moment that nobody asks about, so the page asks once a second; that also keeps the clock.
 */
import { shallowReactive } from 'vue'
import { ApiError, read, write, type PastMoment } from '@/api/client'
import { t } from '@/i18n'
import * as hub from './hub'

export const SPEEDS = [1, 4, 10, 60] as const
const ASK_EVERY_MS = 1_000

export const past = shallowReactive({
  /** A person is choosing a moment; the page still shows what it showed. */
  choosing: false,
  /** A moment is open. */
  open: false,
  id: '',
  /** What its clock shows, Unix ms. */
  now: 0,
  /** Times the wall clock; 0 stands still. */
  speed: 0,
  /** The moment is reached; before, its state is being built. */
  ready: false,
  /** Nothing later is recorded. */
  ended: false,
  error: '',
})

let timer = 0

/** Before the moment is reached the server has no clock to tell: the asked moment is shown. */
function take(moment: PastMoment, asked = past.now): void {
  const clock = { now: moment.ready ? moment.now : asked, speed: moment.ready ? moment.speed : 0 }
  Object.assign(past, moment, { now: clock.now })
  hub.play(clock)
}

function words(error: unknown): string {
  if (error instanceof ApiError) return error.status === 0 ? t('common.unreachable') : error.message
  return String(error)
}

/** Opens the moment `at`; a moment that was open before is left. */
export async function openPast(at: number): Promise<boolean> {
  past.error = ''
  try {
    const moment = await write('POST /api/v1/past', { at: Math.round(at), speed: 0 })
    past.open = true
    past.choosing = false
    take(moment, at)
    hub.tune(`/api/v1/past/${moment.id}/live`)
    window.clearInterval(timer)
    timer = window.setInterval(() => void ask(), ASK_EVERY_MS)
    return true
  } catch (error) {
    past.error = words(error)
    return false
  }
}

async function ask(): Promise<void> {
  const { id } = past
  try {
    const moment = await read('/api/v1/past/{id}', {}, { id })
    if (past.open && past.id === id) take(moment)
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404 || past.id !== id) return
    past.error = words(error)
    present()
  }
}

/** Sets the pace; 0 stands still. */
export async function setSpeed(speed: number): Promise<void> {
  try {
    take(await write('PUT /api/v1/past/{id}/speed', { speed }, { id: past.id }))
  } catch (error) {
    past.error = words(error)
  }
}

function present(): void {
  window.clearInterval(timer)
  past.open = false
  past.id = ''
  hub.play(null)
  hub.tune(null)
}

/** Back to the present. */
export async function leavePast(): Promise<void> {
  const { id, open } = past
  past.error = ''
  past.choosing = false
  if (!open) return
  present()
  // A moment that is gone already is what was asked for.
  await write('DELETE /api/v1/past/{id}', null, { id }).catch(() => undefined)
}
