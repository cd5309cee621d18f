/** A question to the server bound to its inputs: the newest one wins, the last good answer stays while asking again. */
import { onBeforeUnmount, shallowRef, watch, type ShallowRef, type WatchSource } from 'vue'
import { ApiError } from '@/api/client'
import { t } from '@/i18n'

export interface Load<T> {
  value: ShallowRef<T | null>
  failure: ShallowRef<string>
  busy: ShallowRef<boolean>
  again: () => void
}

export function useLoad<K, T>(key: WatchSource<K>, ask: (key: K, signal: AbortSignal) => Promise<T>): Load<T> {
  const value = shallowRef<T | null>(null)
  const failure = shallowRef('')
  const busy = shallowRef(false)
  let control: AbortController | null = null
  let last: K

  async function run(now: K): Promise<void> {
    last = now
    control?.abort()
    const mine = new AbortController()
    control = mine
    busy.value = true
    try {
      const answer = await ask(now, mine.signal)
      if (mine.signal.aborted) return
      value.value = answer
      failure.value = ''
    } catch (error) {
      if (mine.signal.aborted) return
      const why = error instanceof ApiError ? (error.status === 0 ? t('common.unreachable') : error.message) : String(error)
      failure.value = t('common.failed', { why })
    } finally {
      if (!mine.signal.aborted) busy.value = false
    }
  }

  watch(key, (now) => void run(now), { immediate: true })
  onBeforeUnmount(() => control?.abort())
  return { value, failure, busy, again: () => void run(last) }
}
