/**
 * Kinds that can be reported with one tap: what patrols see most, names as GB/T 47678.5-2026 has them, so that they are
 * there without network. The person's own habits come first. All others come from the hub's code list.
 */
import type { CaseKind } from './api'

export interface Quick extends CaseKind {
  name: string
}

const matter = (code: string, name: string): Quick => ({ scheme: 'gbt47678-2026', category: 'matter', code, name })

export const QUICK: readonly Quick[] = [
  matter('06010', '暴露垃圾'),
  matter('06012', '道路不洁'),
  matter('06042', '垃圾站（箱）满溢'),
  matter('06011', '积存垃圾渣土'),
  matter('06014', '道路遗撒（洒）'),
  matter('09005', '店外经营'),
  matter('06035', '废弃家具设备'),
  matter('06017', '绿地脏乱'),
  matter('01039', '景观灯异常'),
  matter('01037', '路灯异常'),
  matter('09001', '无照经营游商'),
  matter('06013', '道路破损'),
]
export const QUICK_SHOWN = 9

type Habits = Record<string, number>

export const idOf = (kind: CaseKind): string => `${kind.scheme}/${kind.category}/${kind.code}`

/** Most used first; equals stay as they were. */
export function byHabit(kinds: readonly Quick[], habits: Habits): Quick[] {
  return [...kinds].sort((a, b) => (habits[idOf(b)] ?? 0) - (habits[idOf(a)] ?? 0))
}

const KEPT = 'greenhub.phone.kinds'

export function habits(): Habits {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? '{}') as Habits
  } catch {
    return {}
  }
}

export function used(kind: CaseKind): void {
  const known = habits()
  known[idOf(kind)] = (known[idOf(kind)] ?? 0) + 1
  localStorage.setItem(KEPT, JSON.stringify(known))
}
