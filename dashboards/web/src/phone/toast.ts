/** One line that says what just happened, and goes by itself. */
import { shallowRef } from 'vue'

export const toast = shallowRef('')
let timer = 0

export function say(text: string, ms = 3_000): void {
  toast.value = text
  window.clearTimeout(timer)
  timer = window.setTimeout(() => (toast.value = ''), ms)
}
