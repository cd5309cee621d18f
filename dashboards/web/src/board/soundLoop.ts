/** What calls for an ear: looks at the picture twice a second, and at every alarm that calls an operator. */
import { PRIORITIES, type Priority } from '@/api/types'
import * as hub from '@/live/hub'
import { isUnacknowledged } from '@/live/troubles'
import { play, wanted } from './sound'
import { due } from './soundrule'

/** Runs until the returned function is called. */
export function startSoundLoop(): () => void {
  const fresh = new Set<Priority>()
  const lastAt = new Map<Priority, number>()
  const stop = hub.onFrame((changes) => {
    for (const event of changes.events) {
      if (!event.called) continue
      const alarm = hub.picture.alarms.get(event.alarm)
      if (alarm !== undefined && isUnacknowledged(alarm)) fresh.add(alarm.priority)
    }
  })
  const timer = window.setInterval(() => {
    if (!wanted.value.on) {
      fresh.clear()
      return
    }
    const waiting = new Map<Priority, { newest: boolean; since: number }>()
    for (const alarm of hub.picture.alarms.values()) {
      if (alarm.folded_under != null || !isUnacknowledged(alarm)) continue
      const known = waiting.get(alarm.priority)
      if (known === undefined) waiting.set(alarm.priority, { newest: fresh.has(alarm.priority), since: alarm.last_seen_at })
      else if (alarm.last_seen_at < known.since) known.since = alarm.last_seen_at
    }
    const now = hub.now()
    const priority = due(waiting, wanted.value.priorities, lastAt, now)
    for (const one of PRIORITIES) if (!waiting.has(one)) fresh.delete(one)
    if (priority !== null && play(priority, now)) {
      lastAt.set(priority, now)
      fresh.delete(priority)
    }
  }, 500)
  return () => {
    stop()
    window.clearInterval(timer)
  }
}
