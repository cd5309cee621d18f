/** Numbers of reports as text. */
import { clockAge } from '@/format'

/** A value of the KPI table: shares arrive as 0 to 1 and are read as per cent. */
export function kpiText(value: number | null, unit: string): string {
  if (value === null || !Number.isFinite(value)) return '—'
  if (unit === 'share' || unit === '%') {
    const percent = value * 100
    return `${trimmed(percent, percent >= 10 ? 0 : percent >= 1 ? 1 : 2)}%`
  }
  return trimmed(value, Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2)
}

function trimmed(value: number, decimals: number): string {
  return String(Number(value.toFixed(decimals)))
}

export function shareText(share: number): string {
  return kpiText(share, 'share')
}

export function spanText(ms: number): string {
  return clockAge(ms)
}
