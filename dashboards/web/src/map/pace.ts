/**
 * How often motion between two fixes is drawn. On a machine that keeps up: at every frame. Where a drawn frame takes so
 * long that the page itself would stutter, the motion gives way first: new fixes are still drawn at once, the steps in
 * between become fewer. Pure; times are seconds.
 */
export interface Pace {
  /** Smoothed length of the frames that drew. */
  cost: number
  drewAt: number
}

/** A frame that drew may take this long before motion gives way. */
export const EASY_S = 0.045
/** Least steps a second, however slow the machine. */
export const PAUSE_MAX_S = 0.25
/** A hidden page, or a machine that slept, says nothing about drawing. */
const NONSENSE_S = 1.5

export function newPace(): Pace {
  return { cost: 0.016, drewAt: -1 }
}

/** A frame begins; if the one before it drew, its length is what drawing costs. */
export function frameBegins(pace: Pace, now: number): void {
  if (pace.drewAt < 0) return
  const took = now - pace.drewAt
  pace.drewAt = -1
  if (took > 0 && took < NONSENSE_S) pace.cost += (took - pace.cost) * 0.15
}

export function drew(pace: Pace, now: number): void {
  pace.drewAt = now
}

/** Seconds to let pass between two draws of mere motion. */
export function pauseOf(pace: Pace): number {
  return pace.cost <= EASY_S ? 0 : Math.min(PAUSE_MAX_S, pace.cost * 2)
}
