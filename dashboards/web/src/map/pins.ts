/**
 * Orders that wait, as pins on the map: few, standing still, so plain elements do; each can be opened, dragged onto a
 * unit and be dropped on. The most pressing ones only, so that a flood of reports does not cost the map its frames.
 */
import { Marker, type Map as LibreMap } from 'maplibre-gl'

export const PINS_MAX = 150

export interface Pin {
  id: string
  lon: number
  lat: number
  label: string
  priority: string
  heat: number
}

export interface PinActs {
  open: (id: string) => void
  hold: (event: PointerEvent, id: string, label: string) => void
}

export class Pins {
  private readonly shown = new Map<string, { marker: Marker; element: HTMLButtonElement; look: string }>()

  constructor(
    private readonly map: LibreMap,
    private readonly acts: PinActs,
  ) {}

  /** Shows these and no others; what has not changed is not touched. */
  show(pins: readonly Pin[]): void {
    const wanted = new Set<string>()
    for (const pin of pins.slice(0, PINS_MAX)) {
      wanted.add(pin.id)
      const known = this.shown.get(pin.id) ?? this.make(pin)
      const look = `${pin.lon},${pin.lat},${pin.heat},${pin.priority},${pin.label}`
      if (known.look === look) continue
      known.look = look
      known.marker.setLngLat([pin.lon, pin.lat])
      known.element.dataset.heat = String(pin.heat)
      known.element.dataset.priority = pin.priority
      known.element.title = pin.label
      known.element.setAttribute('aria-label', pin.label)
    }
    for (const [id, one] of this.shown) {
      if (wanted.has(id)) continue
      one.marker.remove()
      this.shown.delete(id)
    }
  }

  private make(pin: Pin) {
    const element = document.createElement('button')
    element.type = 'button'
    element.className = 'order-pin'
    element.dataset.drop = `order:${pin.id}`
    element.dataset.testid = 'order-pin'
    element.dataset.orderId = pin.id
    // The list has the same orders for the keyboard; a hundred stops on the way through the map would help nobody.
    element.tabIndex = -1
    element.addEventListener('click', (event) => {
      event.stopPropagation()
      this.acts.open(pin.id)
    })
    element.addEventListener('pointerdown', (event) => this.acts.hold(event, pin.id, element.title))
    element.addEventListener('mousedown', (event) => event.stopPropagation())
    const marker = new Marker({ element, anchor: 'bottom' }).setLngLat([pin.lon, pin.lat]).addTo(this.map)
    const made = { marker, element, look: '' }
    this.shown.set(pin.id, made)
    return made
  }

  destroy(): void {
    for (const { marker } of this.shown.values()) marker.remove()
    this.shown.clear()
  }
}
