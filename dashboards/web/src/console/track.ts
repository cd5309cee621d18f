/** A track as a line: fixes in time order, broken where nothing was heard for long or the place jumped. */
export interface Fix {
  time: number
  lon: number
  lat: number
  speed: number | null
}

/** Points asked of the history; the server thins the track to this many. */
export const TRACK_POINTS_MAX = 2_000
/** A silence this long is not bridged by a line. */
export const GAP_MS = 10 * 60_000
/** Degrees; about 2 km: no unit drives that far between two fixes of one line. */
const JUMP_DEG = 0.02

export function lineOf(fixes: readonly Fix[]): ([number, number] | null)[] {
  const line: ([number, number] | null)[] = []
  let last: Fix | null = null
  for (const fix of fixes) {
    if (last !== null) {
      const jumped = Math.abs(fix.lon - last.lon) > JUMP_DEG || Math.abs(fix.lat - last.lat) > JUMP_DEG
      if (fix.time - last.time > GAP_MS || jumped) line.push(null)
    }
    line.push([fix.lon, fix.lat])
    last = fix
  }
  return line
}
