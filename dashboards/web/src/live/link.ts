/**
 * The link's mind: when to connect, when to give a link up for dead, how long to wait. Pure; time and luck come in as
 * arguments, what to do next comes out.
 *
 * ```text
 *            open                 message                    closed | silent 8 s
 * connecting ────▶ (await first) ────────▶ connected ─────────────────────▶ waiting ──(due)──▶ connecting
 * ```
 *
 * Back-off doubles from 250 ms and never passes 1 s: after a cut of a minute the page is whole again within a second. Up
 * to 20 % is taken off at random so that a thousand pages do not return in one moment. A first message ends a try; an accepted socket that stays silent does not.
 */

export type LinkState = 'connecting' | 'connected' | 'reconnecting' | 'stopped'

/** The hub speaks at least every 5 s; silence this long means that the link is dead. */
export const SILENT_MS_MAX = 8_000
export const BACKOFF_MS_MIN = 250
export const BACKOFF_MS_MAX = 1_000
/** A connect that is neither answered nor refused is given up after this. */
export const CONNECT_MS_MAX = 4_000

export interface Link {
  phase: 'idle' | 'connecting' | 'connected' | 'waiting' | 'stopped'
  /** Since the last message of a connected link, or the begin of a try. */
  since: number
  /** When the next try is due, while waiting. */
  due: number
  /** Failed tries in a row. */
  failures: number
  /** A message has been seen at least once: from then on the page says "reconnecting". */
  everConnected: boolean
}

export type LinkAct = 'connect' | 'close' | 'none'

export function newLink(): Link {
  return { phase: 'idle', since: 0, due: 0, failures: 0, everConnected: false }
}

export function backoffMs(failures: number, luck: number): number {
  const full = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(failures, 10))
  return full * (1 - 0.2 * luck)
}

export function start(link: Link, now: number): LinkAct {
  link.phase = 'connecting'
  link.since = now
  return 'connect'
}

export function heard(link: Link, now: number): void {
  if (link.phase !== 'connecting' && link.phase !== 'connected') return
  link.phase = 'connected'
  link.since = now
  link.failures = 0
  link.everConnected = true
}

export function closed(link: Link, now: number, luck: number): void {
  if (link.phase === 'stopped' || link.phase === 'waiting') return
  link.phase = 'waiting'
  link.due = now + backoffMs(link.failures, luck)
  link.failures += 1
}

/** Time went on. `close` means: drop the socket, then report `closed`. */
export function tick(link: Link, now: number): LinkAct {
  switch (link.phase) {
    case 'connected':
      return now - link.since > SILENT_MS_MAX ? 'close' : 'none'
    case 'connecting':
      return now - link.since > CONNECT_MS_MAX ? 'close' : 'none'
    case 'waiting':
      return now >= link.due ? start(link, now) : 'none'
    default:
      return 'none'
  }
}

/** The network is said to be back, or the person looks again: try at once. */
export function hurry(link: Link, now: number): LinkAct {
  if (link.phase !== 'waiting') return 'none'
  link.failures = 0
  return start(link, now)
}

export function stop(link: Link): LinkAct {
  link.phase = 'stopped'
  return 'close'
}

/** What the page shows. */
export function shownState(link: Link): LinkState {
  if (link.phase === 'stopped' || link.phase === 'idle') return 'stopped'
  if (link.phase === 'connected') return 'connected'
  return link.everConnected ? 'reconnecting' : 'connecting'
}
