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

const calm = window.matchMedia('(prefers-reduced-motion: reduce)')

/** Whether blinking things are lit at that page time (seconds); the map's marks follow the same beat. */
export function blinkLit(seconds: number): boolean {
  return seconds % 1 >= 0.5
}

/** The page's one blink, in step with the map's; still where a person asked for less motion. */
export function startBlinking(): void {
  const root = document.documentElement
  const turn = () => {
    const seconds = performance.now() / 1000
    root.dataset.blink = calm.matches || blinkLit(seconds) ? 'on' : 'off'
    // The next half second by the clock, so that it never drifts from the map's.
    window.setTimeout(turn, 500 - ((seconds * 1000) % 500) + 1)
  }
  turn()
}
