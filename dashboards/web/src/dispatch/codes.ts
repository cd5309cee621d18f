/** Names of coded kinds: the code list, asked for once and kept. */
import { onMounted, shallowRef } from 'vue'
import { read } from '@/api/client'
import type { CaseKind, CodeEntry } from '@/api/dispatch'
import { t } from '@/i18n'

export const codes = shallowRef<readonly CodeEntry[]>([])
let asked: Promise<void> | null = null

export function keyOfKind(kind: CaseKind): string {
  return `${kind.scheme}|${kind.category}|${kind.code}`
}

const names = shallowRef(new Map<string, CodeEntry>())

/** Loads the list once; names are codes until then. */
export function useCodes(): void {
  onMounted(() => {
    asked ??= read('/api/v1/dispatch/codes', {}).then(
      (list) => {
        codes.value = list
        names.value = new Map(list.map((one) => [keyOfKind(one), one]))
      },
      () => {
        asked = null
      },
    )
  })
}

export function kindName(kind: CaseKind): string {
  const entry = names.value.get(keyOfKind(kind))
  return entry === undefined ? kind.code : `${entry.name} ${kind.code}`
}

/** Entries whose name, class or code holds the words; those that begin with them first. Pure. */
export function findCodes(list: readonly CodeEntry[], words: string, most: number): CodeEntry[] {
  const needle = words.trim().toLowerCase()
  if (needle === '') return list.slice(0, most)
  const rank = (one: CodeEntry) => (one.code === needle ? 0 : one.code.startsWith(needle) ? 1 : one.name.startsWith(needle) ? 2 : 3)
  return list
    .filter((one) => one.code.includes(needle) || one.name.toLowerCase().includes(needle) || one.class.toLowerCase().includes(needle))
    .map((one, i) => ({ one, i, rank: rank(one) }))
    .sort((a, b) => a.rank - b.rank || a.i - b.i)
    .slice(0, most)
    .map(({ one }) => one)
}

export function categoryName(entry: { category: CaseKind['category'] }): string {
  return t(`dispatch.category.${entry.category}`)
}
