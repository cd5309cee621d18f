/** When which sound is due: the pure part of `sound.ts`. */
import { PRIORITIES, type Priority } from '@/api/types'

/** A standing unacknowledged P1 or P2 calls again after this long. */
export const AGAIN_MS: Partial<Record<Priority, number>> = { P1: 6_000, P2: 20_000 }

/** Which of the waiting priorities sounds now: the worst that is wanted and due. Pure. */
export function due(
  waiting: ReadonlyMap<Priority, { newest: boolean; since: number }>,
  wants: readonly Priority[],
  lastAt: ReadonlyMap<Priority, number>,
  now: number,
): Priority | null {
  for (const priority of PRIORITIES) {
    const waits = waiting.get(priority)
    if (waits === undefined || !wants.includes(priority)) continue
    if (waits.newest) return priority
    const again = AGAIN_MS[priority]
    if (again !== undefined && now - (lastAt.get(priority) ?? waits.since) >= again) return priority
  }
  return null
}
