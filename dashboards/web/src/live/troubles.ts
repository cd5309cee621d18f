/** Worst standing alarm per device: what colours a mark. Kept beside the picture, updated once a frame. */
import type { Alarm } from '@/api/types'
import type { Trouble } from '@/map/appearance'

/** Alarms hidden on purpose colour nothing; returned ones still do until somebody has seen them. */
export function colours(alarm: Alarm): boolean {
  return alarm.state !== 'normal' && alarm.state !== 'shelved' && alarm.state !== 'suppressed_by_design' && alarm.state !== 'out_of_service'
}

export function isUnacknowledged(alarm: Alarm): boolean {
  return (
    alarm.state === 'unacknowledged' ||
    alarm.state === 'returned_unacknowledged' ||
    alarm.state === 'latched_unacknowledged'
  )
}

export function worstByDevice(alarms: Iterable<Alarm>): Map<string, Trouble> {
  const worst = new Map<string, Trouble>()
  for (const alarm of alarms) {
    if (!colours(alarm)) continue
    const known = worst.get(alarm.device)
    const unacknowledged = isUnacknowledged(alarm)
    if (known === undefined) {
      worst.set(alarm.device, { priority: alarm.priority, unacknowledged, count: 1 })
      continue
    }
    if (alarm.priority < known.priority) known.priority = alarm.priority
    known.unacknowledged ||= unacknowledged
    known.count += 1
  }
  return worst
}

/** Devices whose trouble differs between two such maps. */
export function differences(before: ReadonlyMap<string, Trouble>, after: ReadonlyMap<string, Trouble>): Set<string> {
  const differ = new Set<string>()
  for (const [id, trouble] of after) {
    const old = before.get(id)
    if (old === undefined || old.priority !== trouble.priority || old.unacknowledged !== trouble.unacknowledged) {
      differ.add(id)
    }
  }
  for (const id of before.keys()) if (!after.has(id)) differ.add(id)
  return differ
}

class Troubles {
  private worst = new Map<string, Trouble>()
  private touched = new Set<string>()

  update(alarms: Iterable<Alarm>): void {
    const next = worstByDevice(alarms)
    this.touched = differences(this.worst, next)
    this.worst = next
  }

  of(id: string): Trouble | undefined {
    return this.worst.get(id)
  }

  /** Devices whose trouble changed in the newest update. */
  changed(): ReadonlySet<string> {
    return this.touched
  }
}

export const troubles = new Troubles()
