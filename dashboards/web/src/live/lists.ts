/** Sorted and counted views of the picture for lists: computed at most once a frame, or slower where counts suffice. */
import { computed, onBeforeUnmount, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue'
import type { Alarm, Order, Priority, UnitView } from '@/api/types'
import { compareAlarms, compareOrders } from '@/console/order'
import { layerOf, MARK_LAYERS, type MarkLayer } from '@/map/appearance'
import { picture, versions } from './hub'
import { troubles } from './troubles'

/** Follows `version` at most once in `ms`: the first change at once, the last one never lost. */
export function slowly(version: Ref<number>, ms: number): ShallowRef<number> {
  const slow = shallowRef(version.value)
  let timer = 0
  let at = -Infinity
  const follow = () => {
    timer = 0
    at = performance.now()
    slow.value = version.value
  }
  watch(
    version,
    () => {
      if (timer !== 0) return
      const rest = at + ms - performance.now()
      if (rest <= 0) follow()
      else timer = window.setTimeout(follow, rest)
    },
    { flush: 'sync' },
  )
  onBeforeUnmount(() => window.clearTimeout(timer))
  return slow
}

/** Explained by another alarm that stands: it calls nobody and waits under its cause. */
export function isFolded(alarm: Alarm): boolean {
  return alarm.folded_under != null && picture.alarms.has(alarm.folded_under)
}

/** What stands, without what is folded under a cause; `every` alarm where one is searched for. */
export function useAlarms(every = false): ComputedRef<Alarm[]> {
  return computed(() => {
    void versions.alarms.value
    const alarms = [...picture.alarms.values()]
    return (every ? alarms : alarms.filter((alarm) => !isFolded(alarm))).sort(compareAlarms)
  })
}

export function useOrders(): ComputedRef<Order[]> {
  return computed(() => {
    void versions.orders.value
    return [...picture.orders.values()].sort(compareOrders)
  })
}

const COLLATE = new Intl.Collator('zh-CN', { numeric: true })

/** Units: who asks for help first, then trouble, then by name. */
export function useUnits(): ComputedRef<UnitView[]> {
  const slow = slowly(versions.units, 500)
  return computed(() => {
    void slow.value
    const rank = (u: UnitView) => (u.sos ? 0 : troubles.of(u.id) !== undefined ? 1 : u.state === 'online' ? 2 : 3)
    return [...picture.units.values()].sort((a, b) => rank(a) - rank(b) || COLLATE.compare(a.name, b.name))
  })
}

export interface LayerCount {
  total: number
  online: number
  abnormal: number
  /** Worst priority among the abnormal ones. */
  worst: Priority | null
  /** Lights that burn. */
  lit: number
}

export type LayerCounts = Record<MarkLayer, LayerCount>

function blame(count: LayerCount, priority: Priority | undefined): void {
  if (priority === undefined) return
  count.abnormal += 1
  if (count.worst === null || priority < count.worst) count.worst = priority
}

export function countLayers(): LayerCounts {
  const counts = Object.fromEntries(
    MARK_LAYERS.map((layer) => [layer, { total: 0, online: 0, abnormal: 0, worst: null, lit: 0 }]),
  ) as LayerCounts
  for (const unit of picture.units.values()) {
    const count = counts[unit.class === 'vehicle' ? 'vehicle' : 'patrol']
    count.total += 1
    if (unit.state === 'online') count.online += 1
    blame(count, unit.sos ? 'P1' : troubles.of(unit.id)?.priority)
  }
  for (const device of picture.devices.values()) {
    const count = counts[layerOf(device.class, device.kind)]
    count.total += 1
    if (device.state === 'online') count.online += 1
    if (device.on === true) count.lit += 1
    blame(count, troubles.of(device.id)?.priority)
  }
  return counts
}

export function useLayerCounts(): ComputedRef<LayerCounts> {
  const units = slowly(versions.units, 1_000)
  const devices = slowly(versions.devices, 1_000)
  const alarms = slowly(versions.alarms, 500)
  return computed(() => {
    void units.value
    void devices.value
    void alarms.value
    return countLayers()
  })
}
