/** Times of form fields, in the district's zone whatever the browser's is. Pure. */
const ZONE_MS = 8 * 3_600_000

/** Unix ms as `2026-10-01T09:00`; empty where there is none. */
export function toInput(ms: number | null | undefined): string {
  return ms == null ? '' : new Date(ms + ZONE_MS).toISOString().slice(0, 16)
}

/** Unix ms of a field, null where it is empty or no time. */
export function fromInput(text: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(text)) return null
  const ms = Date.parse(`${text.slice(0, 16)}:00Z`)
  return Number.isFinite(ms) ? ms - ZONE_MS : null
}
