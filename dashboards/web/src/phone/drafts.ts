/** Photos that were taken and belong to nothing sent yet: of an order's finish, or of a report. They outlive the app. */
import { onBeforeUnmount, shallowRef } from 'vue'
import type { AttachmentRole } from './api'
import { me, myName } from './me'
import { store } from './outbox/outbox'
import type { PhotoUse } from './outbox/rows'
import { DRAFT, kept, putDraft, type Photo } from './outbox/store'
import { freshFix } from './place'
import { NoPhoto, prepare } from './photos'

export interface Shot {
  photo: Photo
  role: AttachmentRole
  url: string
}

export function useDraft(scope: string, place: () => string) {
  const key = `${DRAFT}${me.value?.username ?? ''}:${scope}`
  const shots = shallowRef<readonly Shot[]>([])
  const busy = shallowRef(false)
  const bad = shallowRef(false)

  const shown = (photo: Photo, role: AttachmentRole): Shot => ({
    photo,
    role,
    url: URL.createObjectURL(new Blob([photo.bytes], { type: photo.mediaType })),
  })
  const uses = (): PhotoUse[] => shots.value.map(({ photo, role }) => ({ photo: photo.id, role }))

  const ready = (async () => {
    const db = await store()
    const found: Shot[] = []
    for (const { photo: id, role } of (await kept<PhotoUse[]>(db, key))?.value ?? []) {
      const photo = await db.get('photos', id)
      if (photo !== undefined) found.push(shown(photo, role))
    }
    shots.value = [...found, ...shots.value]
  })()

  async function add(file: File, role: AttachmentRole): Promise<void> {
    busy.value = true
    bad.value = false
    try {
      await ready
      const fix = await freshFix(30_000, 1_500, Date.now())
      const photo = await prepare(
        file,
        {
          user: me.value?.username ?? '',
          person: myName.value,
          place: place(),
          lon: fix?.lon ?? null,
          lat: fix?.lat ?? null,
          accuracy: fix?.accuracy_m ?? null,
        },
        Date.now(),
      )
      shots.value = [...shots.value, shown(photo, role)]
      await putDraft(await store(), key, uses(), photo, null, Date.now())
    } catch (error) {
      if (!(error instanceof NoPhoto)) throw error
      bad.value = true
    } finally {
      busy.value = false
    }
  }

  async function remove(shot: Shot): Promise<void> {
    shots.value = shots.value.filter((one) => one !== shot)
    URL.revokeObjectURL(shot.url)
    await putDraft(await store(), key, uses(), null, shot.photo.id, Date.now())
  }

  onBeforeUnmount(() => shots.value.forEach((shot) => URL.revokeObjectURL(shot.url)))
  return { key, shots, busy, bad, add, remove, ready }
}

/** A picture taken by the tab bar's button, on its way to the report page. */
export const handed = shallowRef<File | null>(null)
