/** Keys of the whole window while a view is there; `first` hears them before what is under the focus does. */
import { onBeforeUnmount, onMounted } from 'vue'

export function useKeys(onKey: (event: KeyboardEvent) => void, first = false): void {
  onMounted(() => window.addEventListener('keydown', onKey, first))
  onBeforeUnmount(() => window.removeEventListener('keydown', onKey, first))
}
