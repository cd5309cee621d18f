/** One order with all that belongs to it: the live form where it is newer, the thread asked for again at each change. */
import { computed } from 'vue'
import { read } from '@/api/client'
import { picture, versions } from '@/live/hub'
import { useLoad } from '@/ui/useLoad'
import { done } from './sends'

export function useThread(id: () => string) {
  const live = computed(() => {
    void versions.orders.value
    return picture.orders.get(id()) ?? null
  })
  const asked = useLoad(
    () => `${id()}|${live.value?.version ?? ''}|${live.value === null ? done.acts : ''}`,
    (_, signal) => read('/api/v1/orders/{id}', {}, { id: id() }, { signal }),
  )
  const thread = computed(() => (asked.value.value?.order.id === id() ? asked.value.value : null))
  const order = computed(() => {
    const stored = thread.value?.order ?? null
    if (live.value === null) return stored
    // The live form leaves out the reporter; the thread has it for those who may see it.
    if (stored !== null && stored.version >= live.value.version) return stored
    return stored === null ? live.value : { ...live.value, reporter: stored.reporter }
  })
  return { order, thread, failure: asked.failure }
}
