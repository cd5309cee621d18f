/** The row of a list that the keys act on: it follows its thing, not its place. */
import { computed, ref, watch, type ComputedRef, type Ref } from 'vue'

export interface Cursor<T> {
  at: Ref<string | null>
  current: () => T | undefined
  move: (step: number) => void
  /** The thing under the cursor is about to move away: the next step goes on from where it stood. */
  hold: (index: number) => void
}

export function useCursor<T extends { id: string }>(
  shown: ComputedRef<readonly T[]>,
  selected: () => string | null,
  list: Ref<{ reveal: (index: number) => void } | null>,
): Cursor<T> {
  const at = ref<string | null>(null)
  const index = computed(() => shown.value.findIndex((one) => one.id === at.value))
  let anchor: number | null = null
  watch(at, () => (anchor = null))
  watch(
    selected,
    (id) => {
      if (id !== null) at.value = id
    },
    { immediate: true },
  )

  function move(step: number): void {
    const from = anchor === null ? index.value : anchor - (step > 0 ? 1 : 0)
    const to = Math.min(shown.value.length - 1, Math.max(0, from + step))
    const next = shown.value[to]
    if (next === undefined) return
    at.value = next.id
    list.value?.reveal(to)
  }

  return { at, current: () => shown.value[index.value], move, hold: (stood) => (anchor = stood) }
}
