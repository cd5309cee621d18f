/** Whether the window is at least that wide; for what a style sheet alone cannot drop. */
import { onBeforeUnmount, onMounted, ref, type Ref } from 'vue'

export function useRoomy(width: number): Ref<boolean> {
  const roomy = ref(window.innerWidth >= width)
  const look = () => (roomy.value = window.innerWidth >= width)
  onMounted(() => window.addEventListener('resize', look))
  onBeforeUnmount(() => window.removeEventListener('resize', look))
  return roomy
}
