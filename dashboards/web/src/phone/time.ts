/**
 * The hub's time on a phone whose own clock is wrong: what the live socket said last, kept for when there is no network.
 * An act must not be refused because somebody's phone is ten minutes ahead.
 */
const KEPT = 'greenhub.phone.skew'
/** Below this it is the way through the network, not the clock. */
const NOISE_MS = 2_000

let skew = typeof localStorage === 'undefined' ? 0 : Number(localStorage.getItem(KEPT) ?? 0) || 0

/** The hub says what time it is. */
export function hubSays(now: number): void {
  const seen = Date.now() - now
  skew = Math.abs(seen) < NOISE_MS ? 0 : Math.round(seen)
  localStorage.setItem(KEPT, String(skew))
}

export function hubNow(): number {
  return Date.now() - skew
}
