/** One second hand for the whole app. */
import { shallowRef } from 'vue'

export const now = shallowRef(Date.now())
window.setInterval(() => {
  if (document.visibilityState === 'visible') now.value = Date.now()
}, 1_000)
document.addEventListener('visibilitychange', () => (now.value = Date.now()))
