/**
 * A photo from the camera to the outbox: turned upright, at most 1600 px, with time, place, person and a short hash of
 * the original burnt into its lower edge. Time and place go with the upload as data too; the picture's own EXIF ends
 * here, in the redrawing.
 */
import { stampText } from './format'
import type { Photo } from './outbox/store'

export const SIDE_MAX = 1_600
const QUALITY = 0.82
/** A camera's clock that is further ahead than this is not believed. */
const AHEAD_MS_MAX = 60_000

export interface Stamp {
  takenAt: number
  lon: number | null
  lat: number | null
  accuracy: number | null
  place: string
  person: string
  hash: string
}

/** Lines of the watermark. */
export function stampLines(stamp: Stamp): string[] {
  const point = stamp.lon === null || stamp.lat === null ? '' : `${stamp.lon.toFixed(5)}, ${stamp.lat.toFixed(5)}${stamp.accuracy === null ? '' : ` ±${stamp.accuracy} m`}`
  return [
    `${stampText(stamp.takenAt)}  ${stamp.person}`,
    [stamp.place, point].filter((part) => part !== '').join('  '),
    stamp.hash === '' ? '' : `# ${stamp.hash}`,
  ].filter((line) => line !== '')
}

export function fitted(width: number, height: number, most = SIDE_MAX): { width: number; height: number } {
  const k = Math.min(1, most / Math.max(width, height))
  return { width: Math.max(1, Math.round(width * k)), height: Math.max(1, Math.round(height * k)) }
}

/** When it was taken: the file's own time where it is credible. */
export function takenAtOf(lastModified: number, now: number): number {
  return lastModified > Date.UTC(2015, 0) && lastModified <= now + AHEAD_MS_MAX ? Math.min(lastModified, now) : now
}

async function sha256Hex(bytes: ArrayBuffer): Promise<string> {
  // Only secure origins have it; the hash is then left out rather than made up.
  if (crypto.subtle === undefined) return ''
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

async function pictureOf(file: Blob): Promise<ImageBitmap> {
  return createImageBitmap(file, { imageOrientation: 'from-image' })
}

function burn(pen: OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D, width: number, height: number, lines: readonly string[]): void {
  const size = Math.max(14, Math.round(Math.min(width, height) / 38))
  pen.font = `500 ${size}px "PingFang SC", "Noto Sans CJK SC", "Microsoft YaHei", sans-serif`
  pen.textBaseline = 'top'
  const pad = Math.round(size * 0.6)
  const step = Math.round(size * 1.35)
  const tall = step * lines.length + pad
  const shade = pen.createLinearGradient(0, height - tall - pad, 0, height)
  shade.addColorStop(0, 'rgb(0 0 0 / 0%)')
  shade.addColorStop(0.35, 'rgb(0 0 0 / 48%)')
  shade.addColorStop(1, 'rgb(0 0 0 / 62%)')
  pen.fillStyle = shade
  pen.fillRect(0, height - tall - pad, width, tall + pad)
  pen.fillStyle = '#ffffff'
  lines.forEach((line, n) => pen.fillText(line, pad, height - tall + n * step, width - 2 * pad))
}

export class NoPhoto extends Error {}

export interface About {
  user: string
  person: string
  place: string
  lon: number | null
  lat: number | null
  accuracy: number | null
}

export async function prepare(file: File, about: About, now: number): Promise<Photo> {
  let picture: ImageBitmap
  try {
    picture = await pictureOf(file)
  } catch {
    throw new NoPhoto()
  }
  const takenAt = takenAtOf(file.lastModified, now)
  const original = await sha256Hex(await file.arrayBuffer())
  const { width, height } = fitted(picture.width, picture.height)
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  const pen = canvas.getContext('2d')
  if (pen === null) throw new NoPhoto()
  pen.drawImage(picture, 0, 0, width, height)
  picture.close()
  burn(pen, width, height, stampLines({ ...about, takenAt, hash: original.slice(0, 10) }))
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/jpeg', QUALITY))
  if (blob === null) throw new NoPhoto()
  const bytes = await blob.arrayBuffer()
  return {
    id: crypto.randomUUID(),
    user: about.user,
    name: `${stampText(takenAt).replace(/[^\d]/g, '')}.jpg`,
    mediaType: 'image/jpeg',
    bytes,
    sha256: await sha256Hex(bytes),
    takenAt,
    lon: about.lon,
    lat: about.lat,
    upload: null,
    file: null,
  }
}
