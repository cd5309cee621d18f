/**
 * 现场回传: this phone's camera and microphone, sent to the desk while the person wants it, whatever screen is shown. A
 * link that breaks comes back by itself; who watches is known to who is watched.
 */
import { computed, shallowRef } from 'vue'
import { sendUnit, type MediaLink } from '@/media/session'
import type { MediaStream as Stream } from '@/media/types'
import { ApiError, get } from './api'
import { me } from './me'
import { t } from './words'

const LOOK_MS = 3_000
const AGAIN_MS = [1_000, 2_000, 4_000, 8_000]

export const air = shallowRef<'off' | 'opening' | 'live' | 'broken'>('off')
export const failure = shallowRef('')
export const muted = shallowRef(false)
/** The own picture, for the own eyes. */
export const picture = shallowRef<MediaStream | null>(null)
/** What the desk says. */
export const voice = shallowRef<MediaStream | null>(null)
const stream = shallowRef<Stream | null>(null)
export const watchers = computed(() => (stream.value?.watchers ?? []).filter((one) => one.connected))

let facing: 'environment' | 'user' = 'environment'
let link: MediaLink | null = null
let tries = 0
let timers: number[] = []
let lock: WakeLockSentinel | null = null

/** A phone is the unit `P-<user>`. */
const unit = (): string => `P-${me.value?.username ?? ''}`

async function camera(): Promise<MediaStream> {
  return navigator.mediaDevices.getUserMedia({
    video: { facingMode: facing, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25, max: 30 } },
    audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  })
}

/** Begins; says in `failure` why it cannot. */
export async function goLive(): Promise<void> {
  if (air.value !== 'off') return
  failure.value = ''
  if (navigator.mediaDevices === undefined) {
    failure.value = t('air.insecure')
    return
  }
  air.value = 'opening'
  try {
    picture.value = await camera()
  } catch (error) {
    failure.value = error instanceof DOMException && error.name === 'NotAllowedError' ? t('air.denied') : t('air.none')
    air.value = 'off'
    return
  }
  void navigator.wakeLock?.request('screen').then(
    (taken) => (lock = taken),
    () => undefined,
  )
  timers.push(window.setInterval(() => void look(), LOOK_MS))
  await connect()
}

async function connect(): Promise<void> {
  const source = picture.value
  if (source === null || air.value === 'off') return
  try {
    const opened = await sendUnit(unit(), source, (heard) => (voice.value = heard), (state) => {
      if (state === 'connected') {
        tries = 0
        air.value = 'live'
        void look()
      }
      if (state === 'broken') void again()
    })
    // Stopped, or another camera, while the answer was on its way.
    if (picture.value !== source) await opened.close()
    else link = opened
  } catch (error) {
    // The hub's own word, such as a quota, is worth more than "no connection".
    failure.value = error instanceof ApiError && error.status >= 400 ? error.message : ''
    if (error instanceof ApiError && (error.status === 403 || error.status === 503)) await endLive(false)
    else void again()
  }
}

async function again(): Promise<void> {
  if (air.value === 'off') return
  air.value = 'broken'
  const old = link
  link = null
  await old?.close()
  const wait = AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)] ?? 8_000
  tries += 1
  timers.push(window.setTimeout(() => void connect(), wait))
}

async function look(): Promise<void> {
  try {
    stream.value = await get('/api/v1/media/{unit}', {}, unit())
  } catch {
    stream.value = null
  }
}

/** Ends; with `quiet` nothing that was said of a failure stays. */
export async function endLive(quiet = true): Promise<void> {
  air.value = 'off'
  if (quiet) failure.value = ''
  for (const timer of timers) window.clearTimeout(timer)
  timers = []
  for (const track of picture.value?.getTracks() ?? []) track.stop()
  picture.value = null
  voice.value = null
  stream.value = null
  muted.value = false
  const old = link
  link = null
  void lock?.release().catch(() => undefined)
  lock = null
  await old?.close()
}

export function mute(on: boolean): void {
  muted.value = on
  for (const track of picture.value?.getAudioTracks() ?? []) track.enabled = !on
}

/** The other camera, in the same session: whoever watches sees it without a break. */
export async function turnCamera(): Promise<void> {
  const source = picture.value
  if (source === null) return
  const [before] = source.getVideoTracks()
  facing = facing === 'environment' ? 'user' : 'environment'
  // Phones open one camera at a time.
  before?.stop()
  try {
    const next = (await navigator.mediaDevices.getUserMedia({ video: { facingMode: facing, width: { ideal: 1280 }, height: { ideal: 720 } } })).getVideoTracks()[0]
    if (next === undefined || before === undefined) return
    source.removeTrack(before)
    source.addTrack(next)
    await link?.pc.getSenders().find((sender) => sender.track?.kind === 'video')?.replaceTrack(next)
  } catch {
    failure.value = t('air.none')
  }
}
