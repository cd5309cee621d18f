/** One alarm in full: the live picture where it stands there, the server for its timeline, asked again when it changed. */
import { computed, type ComputedRef } from 'vue'
import { read } from '@/api/client'
import type { Alarm, AlarmDetail } from '@/api/types'
import { picture, versions } from '@/live/hub'
import { slowly } from '@/live/lists'
import { useLoad, type Load } from '@/ui/useLoad'

export function useAlarmDetail(id: () => string): { alarm: ComputedRef<Alarm | null>; detail: Load<AlarmDetail | null> } {
  // An alarm that repeats ten times a second must not ask the server ten times a second.
  const slow = slowly(versions.alarms, 1_000)
  const detail = useLoad(
    () => {
      void slow.value
      return `${id()}|${picture.alarms.get(id())?.last_position ?? ''}`
    },
    async (_, signal) => (id() === '' ? null : read('/api/v1/alarms/{id}', {}, { id: id() }, { signal })),
  )
  const alarm = computed(() => {
    void versions.alarms.value
    const asked = detail.value.value?.alarm
    return picture.alarms.get(id()) ?? (asked?.id === id() ? asked : null)
  })
  return { alarm, detail }
}
