/** One second hand for the whole page: ages tick together, and nothing else needs a timer of its own. */
import { onBeforeUnmount, onMounted, shallowRef } from 'vue'
import * as hub from './live/hub'

export const nowMs = shallowRef(Date.now())
let users = 0
let timer = 0

function beat(): void {
  nowMs.value = hub.now()
}

/** The hub's time, ticking once a second while somebody looks. */
export function useNow() {
  onMounted(() => {
    users += 1
    if (users === 1) {
      beat()
      timer = window.setInterval(beat, 1_000)
    }
  })
  onBeforeUnmount(() => {
    users -= 1
    if (users === 0) window.clearInterval(timer)
  })
  return nowMs
}
