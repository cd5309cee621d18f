/** Times of the input `datetime-local`, which knows no zone: the person's own. */

/** `2026-11-24T20:15:30` in local time. */
export function localInput(ms: number): string {
  const date = new Date(ms)
  const two = (n: number) => String(n).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** Unix ms, or null where the text names no time. */
export function parseLocal(text: string): number | null {
  const found = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2}))?/.exec(text)
  if (found === null) return null
  const [year, month, day, hour, minute, second] = found.slice(1).map((part) => Number(part ?? 0))
  const ms = new Date(year ?? 0, (month ?? 1) - 1, day, hour, minute, second).getTime()
  return Number.isFinite(ms) ? ms : null
}
