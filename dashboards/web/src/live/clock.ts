/**
 * The page's own delay, without trusting the two clocks to agree.
 *
 * Each message carries the hub's time at sending. `local − hub` is clock difference plus transport. The smallest one of
 * the last `WINDOW` messages is taken for the clock difference, so what is above it is delay; the best transport ever
 * seen (on a local network about a millisecond) cannot be told apart from it and is not claimed.
 */
export const WINDOW = 240

export interface HubClock {
  /** local − hub of the last messages, a ring. */
  samples: Float64Array
  count: number
  /** Clock difference: local − hub, ms. */
  offset: number
  /** Delay of the newest message, ms. */
  delay: number
}

export function newClock(): HubClock {
  return { samples: new Float64Array(WINDOW), count: 0, offset: 0, delay: 0 }
}

export function sample(clock: HubClock, local: number, hub: number): void {
  const difference = local - hub
  clock.samples[clock.count % WINDOW] = difference
  clock.count += 1
  const filled = Math.min(clock.count, WINDOW)
  let least = Infinity
  for (let i = 0; i < filled; i += 1) least = Math.min(least, clock.samples[i] ?? Infinity)
  clock.offset = least
  clock.delay = difference - least
}

/** The hub's time now, by our clock. */
export function hubTime(clock: HubClock, local: number): number {
  return local - clock.offset
}
