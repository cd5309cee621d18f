/** Dispatch on the map: pins of waiting orders, and units that can be grabbed and dropped on. */
import { onBeforeUnmount, watch, type Ref } from 'vue'
import { nowMs } from '@/clock'
import { picture, versions } from '@/live/hub'
import { slowly } from '@/live/lists'
import { Pins, type Pin } from '@/map/pins'
import type { Stage } from '@/map/stage'
import { compareQueue, heatOf } from './clocks'
import { begin, lookOnMap } from './drag'
import { personOfDevice } from './people'

function waiting(now: number): Pin[] {
  return [...picture.orders.values()]
    .filter((one) => one.state === 'filed' && one.lon !== null && one.lat !== null)
    .sort(compareQueue(now))
    .map((one) => ({ id: one.id, lon: one.lon as number, lat: one.lat as number, label: one.title, priority: one.priority, heat: heatOf(one, now) }))
}

export function useMapDispatch(stage: () => Stage | null | undefined, open: (order: string) => void): void {
  let pins: Pins | null = null
  let held: Stage | null = null
  const slow = slowly(versions.orders as Ref<number>, 1_000)

  /** A unit's mark under a point of the window. */
  function unitAt(x: number, y: number): string | null {
    const here = stage()
    if (here == null) return null
    const box = here.map.getCanvas().getBoundingClientRect()
    const target = here.pick(x - box.left, y - box.top).find((one) => one.kind === 'unit')
    return target?.id ?? null
  }

  /** Pressing a unit that somebody carries takes it into the hand; the map stays where it is meanwhile. */
  function onPress(event: PointerEvent): void {
    const here = stage()
    if (here == null || !(event.target as HTMLElement).closest('.stage-ground')) return
    const id = unitAt(event.clientX, event.clientY)
    const person = id === null ? null : personOfDevice(id)
    if (id === null || person === null) return
    here.map.dragPan.disable()
    window.addEventListener('pointerup', () => here.map.dragPan.enable(), { once: true })
    window.addEventListener('pointercancel', () => here.map.dragPan.enable(), { once: true })
    begin(event, { kind: 'unit', id }, person.name)
  }

  const stopLooking = lookOnMap((x, y) => {
    const id = unitAt(x, y)
    return id === null ? null : { kind: 'unit', id }
  })
  watch(
    [stage, slow, () => Math.floor(nowMs.value / 10_000)],
    ([here]) => {
      if (here == null) return
      if (pins === null) {
        pins = new Pins(here.map, {
          open,
          hold: (event, id, label) => begin(event, { kind: 'order', id }, label),
        })
        held = here
        here.map.getContainer().addEventListener('pointerdown', onPress, true)
      }
      pins.show(waiting(nowMs.value))
    },
    { immediate: true },
  )
  onBeforeUnmount(() => {
    stopLooking()
    held?.map.getContainer().removeEventListener('pointerdown', onPress, true)
    pins?.destroy()
  })
}
