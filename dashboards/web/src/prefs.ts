/** What a person prefers in this browser: the skin and folded panels. A skin named in the URL wins for that page. */
import { ref, watch } from 'vue'
import type { Skin } from './map/appearance'

function kept<T extends string>(name: string, allowed: readonly T[], otherwise: T): T {
  const value = localStorage.getItem(`greenhub.${name}`) as T | null
  return value !== null && allowed.includes(value) ? value : otherwise
}

export const skin = ref<Skin>(kept('skin', ['seat', 'wall'], 'seat'))
export const layersFolded = ref(kept('layers', ['open', 'folded'], 'open') === 'folded')

watch(skin, (value) => localStorage.setItem('greenhub.skin', value))
watch(layersFolded, (value) => localStorage.setItem('greenhub.layers', value ? 'folded' : 'open'))
