/**
 * The map on the screen: MapLibre below for what stands still, our canvas above for what moves or changes state.
 *
 * ```text
 * hub ──changes──▶ Stage ──place, dress──▶ Marks (typed arrays) ──one upload──▶ WebGL2 canvas
 *                    ▲                                                              │ each frame that differs
 * MapLibre ─matrix───┘ (a custom layer that draws nothing hands out the matrix of the very frame MapLibre draws)
 * ```
 *
 * Units, alarms and orders never move the view; only `flyTo` does, and only a person's act calls it.
 */
import { Map as LibreMap, setWorkerUrl, type CustomLayerInterface } from 'maplibre-gl'
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url'
import 'maplibre-gl/dist/maplibre-gl.css'
import type { DeviceView, District, UnitView } from '@/api/types'
import * as hub from '@/live/hub'
import type { Changes } from '@/live/reducer'
import { troubles } from '@/live/troubles'
import {
  deviceLook,
  layerOf,
  MARK_LAYERS,
  PALETTES,
  radii,
  STALE_MS,
  unitLook,
  type MarkLayer,
  type Skin,
} from './appearance'
import { boundsOf, LABEL_FONTS, recolour, styleOf, SWITCHED } from './basemap'
import { FlatRenderer } from './flat'
import { LabelCanvas, type Label } from './labels'
import { Flag, Marks, type Look } from './marks'
import { latitude, longitude, mercatorX, mercatorY, originMatrix, toScreen, type Origin } from './mercator'
import { drew, frameBegins, newPace, pauseOf } from './pace'
import { PickGrid } from './pick'
import type { Frame, MarkRenderer, TrackLine } from './renderer'
import { WebglRenderer } from './webgl'

setWorkerUrl(workerUrl)

export interface Camera {
  lon: number
  lat: number
  zoom: number
  bearing: number
  pitch: number
}

export type BaseSwitch = keyof typeof SWITCHED

/** Something on the map that can be selected. */
export interface Target {
  kind: 'unit' | 'device'
  id: string
}

export interface StageOptions {
  district: District | null
  skin: Skin
  camera: Camera | null
  padding: { left: number; right: number; top: number; bottom: number }
  interactive: boolean
  onCamera: (camera: Camera) => void
  onPick: (targets: Target[], at: { x: number; y: number }) => void
  /** The drawer was replaced by the flat one. */
  onFlat: () => void
}

const CANVAS_LABEL_ZOOM = 14.6
const PICK_PX = 12
/** Device pixels a mark must have moved to be worth a draw. */
const VISIBLE_PX = 0.4
/** Where the map stands without a district: the middle of Shanghai. */
const FALLBACK_BOUNDS: [number, number, number, number] = [121.34, 31.18, 121.44, 31.24]

export class Stage {
  readonly map: LibreMap
  readonly units: Marks
  readonly devices: Marks
  private readonly origin: Origin
  private readonly box: HTMLElement
  private readonly options: StageOptions
  private readonly labels = new LabelCanvas()
  private readonly local = new Float32Array(16)
  private readonly track: TrackLine = { segments: new Float32Array(0), dirty: false }
  private renderer: MarkRenderer
  private skin: Skin
  private shownLayers = new Set<MarkLayer>(MARK_LAYERS)
  private filter: (target: UnitView | DeviceView) => boolean = () => true
  private selected: Target | null = null
  private hovered: Target | null = null
  private needsDraw = true
  private hasMatrix = false
  private drawnAt = 0
  private frame = 0
  private frames: number[] = []
  private readonly pace = newPace()
  private grid: { at: number; grid: PickGrid; list: { marks: Marks; slot: number }[] } | null = null
  private stops: (() => void)[] = []
  private readonly calm = window.matchMedia('(prefers-reduced-motion: reduce)')

  constructor(box: HTMLElement, options: StageOptions) {
    this.box = box
    this.options = options
    this.skin = options.skin
    const bounds = (options.district === null ? null : boundsOf(options.district)) ?? FALLBACK_BOUNDS
    this.origin = {
      x: mercatorX((bounds[0] + bounds[2]) / 2),
      y: mercatorY((bounds[1] + bounds[3]) / 2),
    }
    this.units = new Marks(this.origin, 512)
    this.devices = new Marks(this.origin, 4096)
    const ground = document.createElement('div')
    ground.className = 'stage-ground'
    box.append(ground)
    const { camera } = options
    this.map = new LibreMap({
      container: ground,
      style: styleOf(options.district ?? { type: 'FeatureCollection', features: [] }, this.skin),
      attributionControl: false,
      localIdeographFontFamily: LABEL_FONTS,
      interactive: options.interactive,
      maxPitch: 60,
      minZoom: 9,
      maxZoom: 19,
      fadeDuration: 0,
      keyboard: false,
      refreshExpiredTiles: false,
      ...(camera === null
        ? { bounds, fitBoundsOptions: { padding: inset(options.padding) } }
        : { center: [camera.lon, camera.lat], zoom: camera.zoom, bearing: camera.bearing, pitch: camera.pitch }),
    })
    if (camera !== null) this.map.setPadding(options.padding)
    else this.map.once('load', () => this.keepPadding())
    this.renderer = WebglRenderer.create(() => this.goFlat()) ?? new FlatRenderer()
    this.mount()
    this.map.on('load', () => {
      this.map.addLayer(this.matrixLayer())
    })
    this.map.on('render', () => this.draw())
    this.map.on('moveend', () => options.onCamera(this.camera()))
    if (options.interactive) this.listen()
    this.stops.push(hub.onFrame((changes) => this.take(changes)))
    this.takeAll()
    const ages = window.setInterval(() => this.dressUnits(), 2_000)
    this.stops.push(() => window.clearInterval(ages))
    this.loop()
  }

  get kind(): MarkRenderer['kind'] {
    return this.renderer.kind
  }

  camera(): Camera {
    const { lng, lat } = this.map.getCenter()
    return { lon: lng, lat, zoom: this.map.getZoom(), bearing: this.map.getBearing(), pitch: this.map.getPitch() }
  }

  // --- what is shown -------------------------------------------------------------------------------------------

  setSkin(skin: Skin): void {
    if (skin === this.skin) return
    this.skin = skin
    recolour(this.map, skin)
    this.dressAll()
  }

  setLayers(shown: ReadonlySet<MarkLayer>, base: ReadonlySet<BaseSwitch>): void {
    this.shownLayers = new Set(shown)
    this.dressAll()
    const apply = () => {
      for (const [name, ids] of Object.entries(SWITCHED)) {
        for (const id of ids) {
          if (this.map.getLayer(id) === undefined) continue
          this.map.setLayoutProperty(id, 'visibility', base.has(name as BaseSwitch) ? 'visible' : 'none')
        }
      }
    }
    if (this.map.isStyleLoaded()) apply()
    else this.map.once('load', apply)
  }

  setFilter(filter: (target: UnitView | DeviceView) => boolean): void {
    this.filter = filter
    this.dressAll()
  }

  select(target: Target | null): void {
    const before = this.selected
    this.selected = target
    for (const one of [before, target]) this.dressOne(one)
  }

  /** Track of the selected unit: lon, lat pairs, oldest first; `null` entries break the line. */
  setTrack(points: readonly ([number, number] | null)[]): void {
    const out: number[] = []
    let last: [number, number] | null = null
    for (const point of points) {
      const here: [number, number] | null =
        point === null ? null : [mercatorX(point[0]) - this.origin.x, mercatorY(point[1]) - this.origin.y]
      if (last !== null && here !== null) out.push(last[0], last[1], here[0], here[1])
      last = here
    }
    this.track.segments = new Float32Array(out)
    this.track.dirty = true
    this.needsDraw = true
  }

  setPadding(padding: StageOptions['padding']): void {
    this.options.padding = padding
    this.map.setPadding(padding)
  }

  /** Goes there; a card of that width lies over the right of the map and is looked past. */
  flyTo(lon: number, lat: number, zoom = Math.max(this.map.getZoom(), 15), cardWidth = 0): void {
    const duration = this.calm.matches ? 0 : 450
    this.map.easeTo({ center: [lon, lat], zoom, offset: [-cardWidth / 2, 0], duration })
  }

  fitDistrict(): void {
    const bounds = (this.options.district === null ? null : boundsOf(this.options.district)) ?? FALLBACK_BOUNDS
    this.map.setPadding({ left: 0, right: 0, top: 0, bottom: 0 })
    this.map.fitBounds(bounds, { padding: inset(this.options.padding), bearing: 0, pitch: 0, duration: 0 })
    this.keepPadding()
  }

  // --- reading, also for tests ------------------------------------------------------------------------------------

  fps(): number {
    const now = performance.now()
    return this.frames.filter((at) => now - at <= 1_000).length
  }

  placeOf(id: string): { lon: number; lat: number; x: number; y: number } | null {
    for (const marks of [this.units, this.devices]) {
      const slot = marks.slotOf.get(id)
      if (slot === undefined) continue
      const place = marks.placeAt(slot, pageTime())
      const { clientWidth, clientHeight } = this.box
      const at = this.hasMatrix ? toScreen(this.local, place.x, place.y, clientWidth, clientHeight) : null
      return {
        lon: longitude(place.x + this.origin.x),
        lat: latitude(place.y + this.origin.y),
        x: at?.x ?? NaN,
        y: at?.y ?? NaN,
      }
    }
    return null
  }

  destroy(): void {
    cancelAnimationFrame(this.frame)
    for (const stop of this.stops) stop()
    this.renderer.destroy()
    this.labels.canvas.remove()
    this.map.remove()
    this.box.replaceChildren()
  }

  // --- from the hub -----------------------------------------------------------------------------------------------

  private take(changes: Changes): void {
    const at = pageTime()
    for (const id of changes.units) this.takeUnit(id, at)
    for (const id of changes.devices) this.takeDevice(id, at)
    if (changes.alarms.size > 0) {
      for (const id of troubles.changed()) {
        this.dressOne({ kind: 'unit', id })
        this.dressOne({ kind: 'device', id })
      }
    }
    // A device that only sent new values looks as before; whoever looks different has said so in `dress`.
    if (changes.units.size > 0 || changes.alarms.size > 0) this.needsDraw = true
  }

  private takeAll(): void {
    const at = pageTime()
    for (const id of hub.picture.units.keys()) this.takeUnit(id, at)
    for (const id of hub.picture.devices.keys()) this.takeDevice(id, at)
  }

  private takeUnit(id: string, at: number): void {
    const unit = hub.picture.units.get(id)
    if (unit === undefined || unit.lon === null || unit.lat === null) {
      this.units.remove(id)
      return
    }
    const moves = unit.state === 'online' && hub.now() - (unit.time ?? 0) < STALE_MS
    this.units.place(id, unit.lon, unit.lat, moves ? unit.speed_kmh : null, unit.heading_deg, at)
    this.dressUnit(unit)
  }

  private takeDevice(id: string, at: number): void {
    const device = hub.picture.devices.get(id)
    if (device === undefined || device.lon === null || device.lat === null) {
      this.devices.remove(id)
      this.needsDraw = true
      return
    }
    // A device stands still: its place is written once, and again only if the registry moves it.
    if (!this.devices.slotOf.has(id) || this.moved(id, device.lon, device.lat)) {
      this.devices.place(id, device.lon, device.lat, null, null, at)
    }
    this.dressDevice(device)
  }

  private moved(id: string, lon: number, lat: number): boolean {
    const slot = this.devices.slotOf.get(id)
    if (slot === undefined) return true
    const place = this.devices.placeAt(slot, Infinity)
    return Math.hypot(place.x - (mercatorX(lon) - this.origin.x), place.y - (mercatorY(lat) - this.origin.y)) > 1e-8
  }

  private dressUnit(unit: UnitView): void {
    const slot = this.units.slotOf.get(unit.id)
    if (slot === undefined) return
    const age = hub.now() - (unit.time ?? unit.received)
    const look = unitLook(unit, age, troubles.of(unit.id), PALETTES[this.skin])
    const shown = this.shownLayers.has(unit.class === 'vehicle' ? 'vehicle' : 'patrol') && this.filter(unit)
    if (this.units.dress(slot, this.finish(look, shown, 'unit', unit.id))) this.needsDraw = true
  }

  private dressDevice(device: DeviceView): void {
    const slot = this.devices.slotOf.get(device.id)
    if (slot === undefined) return
    const look = deviceLook(device, troubles.of(device.id), PALETTES[this.skin])
    const shown = this.shownLayers.has(layerOf(device.class, device.kind)) && this.filter(device)
    if (this.devices.dress(slot, this.finish(look, shown, 'device', device.id))) this.needsDraw = true
  }

  private finish(look: Look, shown: boolean, kind: Target['kind'], id: string): Look {
    if (this.selected?.kind === kind && this.selected.id === id) return { ...look, flags: look.flags | Flag.selected }
    return shown ? look : { ...look, flags: look.flags | Flag.hidden }
  }

  private dressOne(target: Target | null): void {
    if (target === null) return
    const unit = target.kind === 'unit' ? hub.picture.units.get(target.id) : undefined
    const device = target.kind === 'device' ? hub.picture.devices.get(target.id) : undefined
    if (unit !== undefined) this.dressUnit(unit)
    if (device !== undefined) this.dressDevice(device)
    this.needsDraw = true
  }

  private dressUnits(): void {
    for (const unit of hub.picture.units.values()) this.dressUnit(unit)
  }

  private dressAll(): void {
    this.dressUnits()
    for (const device of hub.picture.devices.values()) this.dressDevice(device)
    this.needsDraw = true
  }

  // --- drawing ------------------------------------------------------------------------------------------------------

  private matrixLayer(): CustomLayerInterface {
    return {
      id: 'greenhub-matrix',
      type: 'custom',
      render: (_gl, input) => {
        originMatrix(input.defaultProjectionData.mainMatrix, this.origin, this.local)
        this.hasMatrix = true
      },
    }
  }

  private mount(): void {
    const { canvas } = this.renderer
    canvas.className = 'stage-marks'
    canvas.dataset.testid = 'map-canvas'
    canvas.dataset.renderer = this.renderer.kind
    canvas.setAttribute('aria-hidden', 'true')
    this.labels.canvas.className = 'stage-labels'
    this.labels.canvas.setAttribute('aria-hidden', 'true')
    this.box.append(canvas, this.labels.canvas)
  }

  private goFlat(): void {
    this.renderer.destroy()
    this.renderer = new FlatRenderer()
    this.options.onFlat()
    this.mount()
    this.needsDraw = true
  }

  private loop(): void {
    this.frame = requestAnimationFrame(() => this.loop())
    const now = performance.now()
    this.frames.push(now)
    while (this.frames.length > 0 && now - (this.frames[0] ?? now) > 1_000) this.frames.shift()
    frameBegins(this.pace, now / 1000)
    if (this.needsDraw || (pageTime() - this.drawnAt >= pauseOf(this.pace) && this.animates())) {
      this.draw()
      drew(this.pace, now / 1000)
    }
  }

  /**
   * Whether what moves by itself has moved enough to be seen since the last draw. On the whole district a vehicle makes
   * a pixel a second, so drawing it sixty times a second would only warm the room.
   */
  private animates(): boolean {
    const at = pageTime()
    const since = at - this.drawnAt
    let fastest = 0
    let pulses = false
    for (const marks of [this.units, this.devices]) {
      for (let slot = 0; slot < marks.count; slot += 1) {
        const flags = marks.flagsOf(slot)
        if ((flags & Flag.hidden) !== 0) continue
        if ((flags & Flag.sos) !== 0 && !this.calm.matches && since > 0.04) return true
        if ((flags & Flag.blink) !== 0) pulses = true
        if (marks === this.units) fastest = Math.max(fastest, marks.speedAt(slot, at))
      }
    }
    if (pulses && !this.calm.matches && Math.floor(at * 2) !== Math.floor(this.drawnAt * 2)) return true
    return fastest * since * 512 * 2 ** this.map.getZoom() * (window.devicePixelRatio || 1) > VISIBLE_PX
  }

  private draw(): void {
    if (!this.hasMatrix) return
    this.needsDraw = false
    this.drawnAt = pageTime()
    const frame: Frame = {
      local: this.local,
      width: this.box.clientWidth,
      height: this.box.clientHeight,
      dpr: window.devicePixelRatio || 1,
      time: this.drawnAt,
      radii: radii(this.map.getZoom(), this.skin, this.units.slotOf.size),
      bearing_deg: this.map.getBearing(),
      palette: PALETTES[this.skin],
      animate: !this.calm.matches,
    }
    if (frame.width === 0 || frame.height === 0) return
    this.renderer.draw(frame, [this.devices, this.units], this.track)
    this.labels.draw(this.collectLabels(frame), frame.width, frame.height, frame.dpr, this.skin)
  }

  private collectLabels(frame: Frame): Label[] {
    const labels: Label[] = []
    const zoomed = this.map.getZoom() >= CANVAS_LABEL_ZOOM
    const add = (marks: Marks, slot: number, kind: Target['kind']) => {
      const id = marks.ids[slot]
      const flags = marks.flagsOf(slot)
      if (id === null || id === undefined || (flags & Flag.hidden) !== 0) return
      const chosen = (flags & Flag.selected) !== 0 || (this.hovered?.kind === kind && this.hovered.id === id)
      const emphasis = (flags & Flag.emphasis) !== 0
      if (!chosen && !emphasis && !(zoomed && kind === 'unit')) return
      const place = marks.placeAt(slot, frame.time)
      const at = toScreen(frame.local, place.x, place.y, frame.width, frame.height)
      if (at === null || at.x < -40 || at.y < -20 || at.x > frame.width + 40 || at.y > frame.height + 20) return
      const view = kind === 'unit' ? hub.picture.units.get(id) : hub.picture.devices.get(id)
      if (view === undefined) return
      const trouble = troubles.of(id)
      const sos = 'sos' in view && view.sos
      const rgb = sos ? frame.palette.P1 : trouble === undefined ? null : frame.palette[trouble.priority]
      const radius = frame.radii[marks.sizeOf(slot)] ?? 8
      labels.push({
        text: view.name || view.id,
        code: sos ? 'SOS' : (trouble?.priority ?? ''),
        colour: rgb === null ? '' : `rgb(${rgb.join(' ')})`,
        ...at,
        radius: emphasis || chosen ? Math.max(8, radius) + 3 : radius,
        rank: chosen ? 100 : sos ? 60 : trouble !== undefined ? 50 - Number(trouble.priority[1]) : 1,
      })
    }
    if (zoomed) for (let slot = 0; slot < this.units.count; slot += 1) add(this.units, slot, 'unit')
    else for (const slot of this.standingOut(this.units)) add(this.units, slot, 'unit')
    for (const slot of this.standingOut(this.devices)) add(this.devices, slot, 'device')
    return labels
  }

  private *standingOut(marks: Marks): Generator<number> {
    const wanted = Flag.selected | Flag.emphasis
    for (let slot = 0; slot < marks.count; slot += 1) if ((marks.flagsOf(slot) & wanted) !== 0) yield slot
    const kind = marks === this.units ? 'unit' : 'device'
    if (this.hovered?.kind !== kind) return
    const slot = marks.slotOf.get(this.hovered.id)
    if (slot !== undefined && (marks.flagsOf(slot) & wanted) === 0) yield slot
  }

  // --- the pointer ----------------------------------------------------------------------------------------------------

  private listen(): void {
    let pending: { x: number; y: number } | null = null
    this.map.on('mousemove', (event) => {
      if (pending === null) {
        requestAnimationFrame(() => {
          if (pending !== null) this.hover(pending.x, pending.y)
          pending = null
        })
      }
      pending = event.point
    })
    this.map.on('mouseout', () => this.setHovered(null))
    this.map.on('click', (event) => {
      this.options.onPick(this.pick(event.point.x, event.point.y), event.point)
    })
  }

  private hover(x: number, y: number): void {
    this.setHovered(this.pick(x, y)[0] ?? null)
  }

  private setHovered(target: Target | null): void {
    if (target?.id === this.hovered?.id && target?.kind === this.hovered?.kind) return
    this.hovered = target
    this.map.getCanvas().style.cursor = target === null ? '' : 'pointer'
    this.needsDraw = true
  }

  /** What is under a screen place, nearest first, units before devices. */
  pick(x: number, y: number): Target[] {
    if (!this.hasMatrix) return []
    const { clientWidth: width, clientHeight: height } = this.box
    const zoom = this.map.getZoom()
    // Mercator units of one CSS pixel; pitch stretches it, so search twice as far and let the screen decide.
    const pixel = 1 / (512 * 2 ** zoom)
    const now = performance.now()
    if (this.grid === null || now - this.grid.at > 250) this.grid = this.buildGrid(now)
    const centre = this.map.unproject([x, y])
    const at = { x: mercatorX(centre.lng) - this.origin.x, y: mercatorY(centre.lat) - this.origin.y }
    const sizes = radii(zoom, this.skin, this.units.slotOf.size)
    const found: { target: Target; distance: number }[] = []
    for (const point of this.grid.grid.near(at.x, at.y, pixel * PICK_PX * 3)) {
      const entry = this.grid.list[point.ref]
      if (entry === undefined) continue
      const { marks, slot } = entry
      const id = marks.ids[slot]
      if (id === null || id === undefined || (marks.flagsOf(slot) & Flag.hidden) !== 0) continue
      const place = marks.placeAt(slot, pageTime())
      const seen = toScreen(this.local, place.x, place.y, width, height)
      if (seen === null) continue
      const distance = Math.hypot(seen.x - x, seen.y - y)
      if (distance > Math.max(PICK_PX * 0.6, (sizes[marks.sizeOf(slot)] ?? 4) + 3)) continue
      const kind = marks === this.units ? 'unit' : 'device'
      found.push({ target: { kind, id }, distance: distance - (kind === 'unit' ? 6 : 0) - marks.sizeOf(slot) })
    }
    return found.sort((a, b) => a.distance - b.distance).map((one) => one.target)
  }

  private buildGrid(at: number): { at: number; grid: PickGrid; list: { marks: Marks; slot: number }[] } {
    const list: { marks: Marks; slot: number }[] = []
    const points = []
    for (const marks of [this.units, this.devices]) {
      for (let slot = 0; slot < marks.count; slot += 1) {
        if (marks.ids[slot] === null || (marks.flagsOf(slot) & Flag.hidden) !== 0) continue
        const place = marks.placeAt(slot, pageTime())
        points.push({ x: place.x, y: place.y, ref: list.length })
        list.push({ marks, slot })
      }
    }
    return { at, grid: new PickGrid(points, 40 / (512 * 2 ** this.map.getZoom())), list }
  }

  private keepPadding(): void {
    // `fitBounds` used the padding once; from here on it belongs to the camera, without moving what is seen.
    const { left, right, top, bottom } = this.options.padding
    const centre = this.map.unproject([
      left + (this.box.clientWidth - left - right) / 2,
      top + (this.box.clientHeight - top - bottom) / 2,
    ])
    this.map.jumpTo({ center: centre, padding: this.options.padding })
  }
}

function inset(padding: StageOptions['padding']): StageOptions['padding'] {
  return { left: padding.left + 24, right: padding.right + 24, top: padding.top + 24, bottom: padding.bottom + 24 }
}

/** Seconds of this page's life: small enough for a float32. */
export function pageTime(): number {
  return performance.now() / 1000
}
