/**
 * Sound of the board: a pattern for each priority, made here (nothing is downloaded), silent until a person turns it on.
 * Muting ends by itself at its time; acknowledging is another act and does not need it.
 */
import { ref, watch } from 'vue'
import { PRIORITIES, type Priority } from '@/api/types'

const KEPT = 'greenhub.sound'
export const MUTES_MIN = [1, 5, 15] as const

interface Kept {
  on: boolean
  priorities: Priority[]
}

function kept(): Kept {
  try {
    const value = JSON.parse(localStorage.getItem(KEPT) ?? '') as Partial<Kept>
    return { on: value.on === true, priorities: PRIORITIES.filter((one) => value.priorities?.includes(one) ?? one !== 'P4') }
  } catch {
    return { on: false, priorities: ['P1', 'P2', 'P3'] }
  }
}

/** Wanted by the person in this browser. */
export const wanted = ref<Kept>(kept())
/** Until then nothing sounds, hub's time in ms. */
export const mutedUntil = ref(0)
/** A browser lets a page sound only after the person touched it. */
export const allowed = ref(false)
watch(wanted, (value) => localStorage.setItem(KEPT, JSON.stringify(value)), { deep: true })

/** Tone in Hz, seconds it lasts, how often, and the pause between: louder in meaning, not in volume. */
const PATTERNS: Record<Priority, { hz: readonly number[]; last: number; times: number; pause: number }> = {
  P1: { hz: [1046, 784], last: 0.14, times: 3, pause: 0.06 },
  P2: { hz: [784], last: 0.16, times: 2, pause: 0.1 },
  P3: { hz: [587], last: 0.2, times: 1, pause: 0 },
  P4: { hz: [440], last: 0.12, times: 1, pause: 0 },
}
let context: AudioContext | null = null
let quietUntil = 0

/** Called from a click or a key: opens the audio device. */
export async function turnOn(): Promise<void> {
  context ??= new AudioContext()
  await context.resume().catch(() => undefined)
  allowed.value = context.state === 'running'
  wanted.value = { ...wanted.value, on: true }
}

export function turnOff(): void {
  wanted.value = { ...wanted.value, on: false }
}

export function mute(minutes: number, now: number): void {
  mutedUntil.value = minutes === 0 ? 0 : now + minutes * 60_000
}

/** Plays one pattern, unless another still sounds. Returns whether it did. */
export function play(priority: Priority, now: number): boolean {
  if (!wanted.value.on || now < mutedUntil.value || context === null || context.state !== 'running') return false
  const at = context.currentTime
  if (at < quietUntil) return false
  const { hz, last, times, pause } = PATTERNS[priority]
  const gain = context.createGain()
  gain.connect(context.destination)
  let begin = at + 0.01
  for (let i = 0; i < times; i += 1) {
    for (const tone of hz) {
      const voice = context.createOscillator()
      voice.type = 'triangle'
      voice.frequency.value = tone
      voice.connect(gain)
      voice.start(begin)
      voice.stop(begin + last)
      gain.gain.setValueAtTime(0, begin)
      gain.gain.linearRampToValueAtTime(0.22, begin + 0.012)
      gain.gain.setValueAtTime(0.22, begin + last - 0.03)
      gain.gain.linearRampToValueAtTime(0, begin + last)
      begin += last
    }
    begin += pause
  }
  quietUntil = begin + 0.2
  return true
}
