/** Which desk an alarm belongs to: the rules in force say it by class and sub-district; without desks there is no facet. */
import { shallowRef } from 'vue'
import type { Alarm } from '@/api/types'

export interface Desk {
  id: string
  title: string
}

const list = shallowRef<Desk[]>([])
const version = shallowRef(0)

export function useDesks(): { list: typeof list; version: typeof version; of: (alarm: Alarm) => string } {
  return { list, version, of: () => '' }
}
