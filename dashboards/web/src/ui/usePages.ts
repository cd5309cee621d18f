/** A list that pages by cursor: the first page on every change of the filter, further ones on demand, bounded. */
import { shallowRef, watch, type WatchSource } from 'vue'
import { ApiError } from '@/api/client'
import type { Page } from '@/api/types'
import { t } from '@/i18n'

/** Rows kept in the page; whoever needs more narrows the filter. */
export const ROWS_MAX = 10_000

export function usePages<F, T>(filter: WatchSource<F>, ask: (filter: F, cursor: string | undefined) => Promise<Page<T>>) {
  const items = shallowRef<T[]>([])
  const next = shallowRef<string | null>(null)
  const failure = shallowRef('')
  const busy = shallowRef(false)
  let turn = 0
  let current: F

  async function load(cursor: string | undefined): Promise<void> {
    const mine = (turn += 1)
    busy.value = true
    try {
      const page = await ask(current, cursor)
      if (mine !== turn) return
      const all = cursor === undefined ? page.items : [...items.value, ...page.items]
      items.value = all
      next.value = all.length >= ROWS_MAX ? null : page.next
      failure.value = ''
    } catch (error) {
      if (mine !== turn) return
      const why = error instanceof ApiError ? (error.status === 0 ? t('common.unreachable') : error.message) : String(error)
      failure.value = t('common.failed', { why })
    } finally {
      if (mine === turn) busy.value = false
    }
  }

  watch(
    filter,
    (now) => {
      current = now
      void load(undefined)
    },
    { immediate: true },
  )

  return {
    items,
    next,
    failure,
    busy,
    more: () => (next.value !== null && !busy.value ? void load(next.value) : undefined),
    again: () => void load(undefined),
  }
}
