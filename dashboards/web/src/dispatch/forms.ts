/**
 * The case form as a person fills it in, and what the server takes. Pure: what is wrong comes back as keys of the words.
 */
import type { CaseForm, CaseKind, CasePatch, Order, OrderSource, SplitPart } from '@/api/dispatch'
import type { Priority } from '@/api/types'

export interface CaseValues {
  source: OrderSource
  title: string
  text: string
  priority: Priority
  kind: CaseKind | null
  lon: string
  lat: string
  address: string
  subDistrict: string
  grid: string
  name: string
  phone: string
  system: string
  number: string
  /** Unix ms. */
  deadline: number | null
  seenAt: number | null
  device: string
}

export function emptyCase(): CaseValues {
  return { source: 'desk', title: '', text: '', priority: 'P3', kind: null, lon: '', lat: '', address: '', subDistrict: '', grid: '', name: '', phone: '', system: '', number: '', deadline: null, seenAt: null, device: '' }
}

export type CaseTrouble = 'title' | 'text' | 'place' | 'seen' | 'external' | 'lonlat' | 'deadline'

function degrees(text: string, most: number): number | null {
  const value = Number(text)
  return text.trim() !== '' && Number.isFinite(value) && Math.abs(value) <= most ? value : null
}

/** Characters as people count them. */
const length = (text: string) => [...text].length

export function troublesOf(values: CaseValues, now: number): CaseTrouble[] {
  const troubles: CaseTrouble[] = []
  const title = length(values.title.trim())
  if (title < 1 || title > 100) troubles.push('title')
  if (length(values.text) > 2_000) troubles.push('text')
  const point = values.lon.trim() !== '' || values.lat.trim() !== ''
  if (point && (degrees(values.lon, 180) === null || degrees(values.lat, 90) === null)) troubles.push('lonlat')
  if (!point && values.address.trim() === '' && values.device.trim() === '') troubles.push('place')
  if (values.seenAt !== null && values.seenAt > now) troubles.push('seen')
  if ((values.system.trim() === '') !== (values.number.trim() === '')) troubles.push('external')
  if (values.deadline !== null && values.deadline <= now) troubles.push('deadline')
  return troubles
}

/** The form to send. Call it only without troubles. */
export function formOf(values: CaseValues): CaseForm {
  const form: CaseForm = {
    source: values.source,
    title: values.title.trim(),
    text: values.text.trim(),
    priority: values.priority,
    place: {
      lon: degrees(values.lon, 180),
      lat: degrees(values.lat, 90),
      address: values.address.trim(),
      grid: values.grid.trim(),
      sub_district: values.subDistrict.trim(),
    },
    attachments: [],
  }
  if (values.kind !== null) form.kind = values.kind
  if (values.name.trim() !== '' || values.phone.trim() !== '') form.reporter = { name: values.name.trim(), phone: values.phone.trim() }
  if (values.number.trim() !== '') {
    form.external = { system: values.system.trim(), number: values.number.trim(), ...(values.deadline === null ? {} : { deadline: values.deadline }) }
  }
  if (values.seenAt !== null) form.seen_at = values.seenAt
  if (values.device.trim() !== '') form.device = values.device.trim()
  return form
}

export interface AmendValues {
  title: string
  text: string
  kind: CaseKind | null
  priority: Priority
  address: string
}

export function valuesOf(order: Order): AmendValues {
  return { title: order.title, text: order.text, kind: order.kind, priority: order.priority, address: order.address }
}

/** What differs from the order; null where nothing does. */
export function patchOf(order: Order, values: AmendValues): CasePatch | null {
  const patch: CasePatch = {}
  if (values.title.trim() !== '' && values.title.trim() !== order.title) patch.title = values.title.trim()
  if (values.text.trim() !== order.text) patch.text = values.text.trim()
  if (values.kind !== null && JSON.stringify(values.kind) !== JSON.stringify(order.kind)) patch.kind = values.kind
  if (values.priority !== order.priority) patch.priority = values.priority
  if (values.address.trim() !== order.address) {
    patch.place = { lon: order.lon, lat: order.lat, address: values.address.trim(), grid: order.grid, sub_district: order.sub_district }
  }
  return Object.keys(patch).length === 0 ? null : patch
}

export const PARTS_MIN = 2
export const PARTS_MAX = 10

/** The parts to send, or null while one lacks its title or there are too few. */
export function partsOf(parts: readonly { title: string; text: string; kind: CaseKind | null }[]): SplitPart[] | null {
  if (parts.length < PARTS_MIN || parts.length > PARTS_MAX) return null
  if (parts.some((part) => part.title.trim() === '')) return null
  return parts.map((part) => ({ title: part.title.trim(), text: part.text.trim(), ...(part.kind === null ? {} : { kind: part.kind }) }))
}
