/** Which desks an alarm calls at: the rules in force say it by class and sub-district; without desks there is no facet. */
import { shallowRef } from 'vue'
import { ApiError, read } from '@/api/client'
import type { Alarm } from '@/api/types'

export interface DeskRule {
  id: string
  title: string
  classes: string[]
  /** Empty: all of them. */
  sub_districts: string[]
}

const list = shallowRef<DeskRule[]>([])
const version = shallowRef(0)
let asked = false

/** The desks of a rule set as it comes from the server; anything else has none. */
export function desksOf(rules: unknown): DeskRule[] {
  const desks = (rules as { correlate?: { desks?: unknown } } | null)?.correlate?.desks
  if (!Array.isArray(desks)) return []
  return desks.flatMap((one: Partial<DeskRule> | null) =>
    one === null || typeof one.id !== 'string'
      ? []
      : [{ id: one.id, title: one.title ?? one.id, classes: one.classes ?? [], sub_districts: one.sub_districts ?? [] }],
  )
}

export function serves(desk: DeskRule, alarm: Alarm): boolean {
  return desk.classes.includes(alarm.class) && (desk.sub_districts.length === 0 || desk.sub_districts.includes(alarm.sub_district))
}

async function ask(): Promise<void> {
  try {
    const { rules } = await read('/api/v1/rules', {}, { quiet: true })
    list.value = desksOf(rules)
    version.value += 1
  } catch (error) {
    // Without the rules the board lacks one facet, nothing else.
    if (!(error instanceof ApiError)) throw error
    asked = false
  }
}

export function useDesks(): { list: typeof list; version: typeof version; of: (alarm: Alarm) => readonly string[] } {
  if (!asked) {
    asked = true
    void ask()
  }
  return { list, version, of: (alarm) => list.value.filter((desk) => serves(desk, alarm)).map((desk) => desk.id) }
}
