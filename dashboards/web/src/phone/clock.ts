/** One second hand for the whole app, in the hub's time, which the clocks of orders count in. */
import { shallowRef } from 'vue'
import { hubNow } from './time'

export const now = shallowRef(hubNow())
window.setInterval(() => {
  if (document.visibilityState === 'visible') now.value = hubNow()
}, 1_000)
document.addEventListener('visibilitychange', () => (now.value = hubNow()))
