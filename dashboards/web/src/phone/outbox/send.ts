/**
 * Sends one row: first its photos, resumable and each under its own key, then the row itself under its own.
 *
 * Killed anywhere in between, the next run asks the hub how far it got: announcing an upload again under the same key
 * answers the same upload with its offset. So no photo is sent twice as a whole, and none is lost.
 */
import type { Answer } from '../api'
import { meaning, wholeBody, type Row } from './rows'
import type { Photo } from './store'

export type Transport = (method: string, url: string, body: unknown, headers?: Record<string, string>) => Promise<Answer>

/** One piece of an upload: small enough that a weak network gets it through, below the hub's limit of a body. */
export const PIECE_BYTES = 128 * 1024
/** Offsets that disagree are asked for again so often. */
const TURNS_MAX = 5

export interface Sending {
  transport: Transport
  /** The hub's time, as far as it is known. */
  now: () => number
  photo: (id: string) => Promise<Photo | undefined>
  keepPhoto: (photo: Photo) => Promise<void>
  progress: (photo: string, sent: number, of: number) => void
}

const lost = (detail: string): Answer => ({ status: 410, body: null, detail, retryAfterS: null, uploadOffset: null })

/** The hub's last word on the row: of a photo that failed, or of the row itself. */
export async function sendRow(row: Row, sending: Sending): Promise<Answer> {
  const files = new Map<string, string>()
  for (const { photo: id } of row.photos) {
    const photo = await sending.photo(id)
    if (photo === undefined) return lost('photo is no longer on this phone')
    const answer = photo.file === null ? await upload(photo, sending) : null
    if (answer !== null && meaning(answer.status) !== 'done') return answer
    const file = (answer?.body as { file?: string } | null)?.file ?? photo.file
    if (file === null) return lost('upload ended without a file')
    files.set(id, file)
  }
  return sending.transport(row.method, row.path, wholeBody(row, files, sending.now()))
}

interface Announced {
  upload: string
  offset: number
  file?: string | null
}

async function announce(photo: Photo, sending: Sending): Promise<Answer> {
  const { id, name, mediaType, bytes, sha256, takenAt, lon, lat } = photo
  return sending.transport('POST', '/api/v1/files', {
    request_id: id,
    name,
    size: bytes.byteLength,
    media_type: mediaType,
    ...(sha256 === '' ? {} : { sha256 }),
    taken_at: takenAt,
    ...(lon === null || lat === null ? {} : { lon, lat }),
  })
}

async function upload(photo: Photo, sending: Sending): Promise<Answer> {
  for (let turn = 0; turn < TURNS_MAX; turn += 1) {
    const said = await announce(photo, sending)
    if (meaning(said.status) !== 'done') return said
    const { upload: at, offset, file } = said.body as Announced
    if (typeof file === 'string') return whole(photo, at, file, sending, said)
    if (photo.upload !== at) await sending.keepPhoto({ ...photo, upload: at })
    const end = await pieces(photo, at, offset, sending)
    const done = (end.body as { file?: string } | null)?.file
    if (meaning(end.status) === 'done' && typeof done === 'string') return whole(photo, at, done, sending, end)
    // The hub stands elsewhere than we thought, or has forgotten the upload: ask it again.
    if (end.status !== 409 && end.status !== 404 && end.status !== 410 && end.status !== 460) return end
  }
  return { status: 503, body: null, detail: 'upload offsets disagree', retryAfterS: 10, uploadOffset: null }
}

async function whole(photo: Photo, at: string, file: string, sending: Sending, answer: Answer): Promise<Answer> {
  await sending.keepPhoto({ ...photo, upload: at, file })
  sending.progress(photo.id, photo.bytes.byteLength, photo.bytes.byteLength)
  return { ...answer, body: { file } }
}

async function pieces(photo: Photo, at: string, from: number, sending: Sending): Promise<Answer> {
  const size = photo.bytes.byteLength
  let offset = from
  let answer: Answer = { status: 409, body: null, detail: '', retryAfterS: null, uploadOffset: offset }
  while (offset < size) {
    sending.progress(photo.id, offset, size)
    const piece = photo.bytes.slice(offset, Math.min(size, offset + PIECE_BYTES))
    answer = await sending.transport('PATCH', `/api/v1/files/uploads/${encodeURIComponent(at)}`, piece, {
      'Content-Type': 'application/offset+octet-stream',
      'Upload-Offset': String(offset),
      'Tus-Resumable': '1.0.0',
    })
    if (meaning(answer.status) !== 'done') return answer
    offset = answer.uploadOffset ?? offset + piece.byteLength
  }
  return answer
}
