/**
 * The bell: what the person is told, as it comes by the live socket. The list of the hub is the truth; the socket says
 * what is new or that it is time to look. While the socket shows another moment or is down, the list is asked.
 */
import { shallowRef } from 'vue'
import { ApiError, read, write } from '@/api/client'
import type { Notification } from '@/api/report'
import { play, wanted } from '@/board/sound'
import * as hub from '@/live/hub'
import { PRIORITIES } from '@/api/types'
import { KEPT_MAX, merged, soundOf } from './bellRule'

export const notices = shallowRef<readonly Notification[]>([])
/** Number of the newest one that was read. */
export const readTo = shallowRef(0)
export const unread = shallowRef(0)

/** How often the list is asked while the socket does not tell. */
const ASK_MS = 5_000
/** And in any case: another browser of the same person may have read. */
const ASK_ANYWAY_MS = 60_000

let last = 0
let begun = false
let looking: Promise<void> | null = null
let askedAt = 0

function sound(fresh: readonly Notification[]): void {
  if (!wanted.value.on) return
  const due = fresh.map((one) => soundOf(one, hub.picture.alarms)).filter((one) => one !== null)
  const worst = PRIORITIES.find((one) => due.includes(one) && wanted.value.priorities.includes(one))
  if (worst !== undefined) play(worst, hub.now())
}

function take(fresh: readonly Notification[], sounds: boolean): void {
  const news = fresh.filter((one) => one.seq > last)
  if (news.length > 0) last = Math.max(...news.map((one) => one.seq))
  notices.value = merged(notices.value, fresh)
  if (sounds) sound(news)
}

/** Asks the hub for what is new. */
export function look(): Promise<void> {
  looking ??= (async () => {
    askedAt = performance.now()
    try {
      const answer = await read('/api/v1/notifications', begun ? { after: last, limit: KEPT_MAX } : { limit: KEPT_MAX })
      take(answer.items, begun)
      begun = true
      readTo.value = answer.read
      unread.value = answer.unread
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
    } finally {
      looking = null
    }
  })()
  return looking
}

/** The person has seen all there is. */
export async function markRead(): Promise<void> {
  const newest = notices.value.at(-1)?.seq ?? 0
  if (newest <= readTo.value) return
  try {
    const answer = await write('PUT /api/v1/notifications/read', { seq: newest })
    readTo.value = answer.read
    unread.value = answer.unread
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
  }
}

/** Runs until the returned function is called. */
export function startBell(): () => void {
  notices.value = []
  readTo.value = unread.value = last = 0
  begun = false
  const stop = hub.onNotices((items, more) => {
    if (more || !begun) {
      void look()
      return
    }
    unread.value += items.filter((one) => one.seq > last).length
    take(items, true)
  })
  const timer = window.setInterval(() => {
    const since = performance.now() - askedAt
    if (since >= (hub.tellsNotices() ? ASK_ANYWAY_MS : ASK_MS)) void look()
  }, 1_000)
  void look()
  return () => {
    stop()
    window.clearInterval(timer)
  }
}
