/**
 * What each act asks of a person, and the act that comes of it. Pure: a form is a few words and choices, an act is what
 * the server takes; what is missing is a key of the words, not an exception.
 */
import type { ActName, Attachment, AttachmentRole, OrderEvent, SiteFinding, Wish } from '@/api/dispatch'

export type ActField = 'text' | 'reason' | 'level' | 'user' | 'until' | 'finding' | 'photos'

export interface ActForm {
  fields: readonly ActField[]
  /** Must be filled. */
  needs: readonly ActField[]
  /** Ends or turns back something: stands apart from the others. */
  grave?: boolean
}

/** Acts a page offers as they are. `delay`, `suspend` and `appeal` are wishes. */
export type OfferedAct = Exclude<ActName, 'ask' | 'warn' | 'overdue' | 'joined' | 'merge' | 'split' | 'assign' | 'amend'> | 'delay' | 'suspend' | 'appeal'

export const ACT_FORMS: Record<OfferedAct, ActForm> = {
  file: { fields: ['text'], needs: [] },
  reject: { fields: ['reason'], needs: ['reason'], grave: true },
  verify: { fields: ['user', 'text'], needs: ['user'] },
  verified: { fields: ['finding', 'text', 'photos'], needs: ['finding'] },
  unmerge: { fields: ['reason'], needs: ['reason'] },
  dispatch: { fields: [], needs: [] },
  recall: { fields: ['reason'], needs: [] },
  accept: { fields: [], needs: [] },
  return: { fields: ['reason'], needs: ['reason'] },
  arrive: { fields: [], needs: [] },
  finish: { fields: ['text'], needs: [] },
  approve: { fields: ['text'], needs: [] },
  deny: { fields: ['reason'], needs: ['reason'] },
  resume: { fields: ['reason'], needs: [] },
  pass: { fields: ['text', 'photos'], needs: [] },
  rework: { fields: ['reason', 'photos'], needs: ['reason'] },
  close: { fields: ['reason'], needs: ['reason'], grave: true },
  cancel: { fields: ['reason'], needs: ['reason'], grave: true },
  supervise: { fields: ['level', 'text'], needs: ['text'] },
  urge: { fields: ['text'], needs: [] },
  comment: { fields: ['text', 'photos'], needs: ['text'] },
  delay: { fields: ['until', 'reason'], needs: ['until', 'reason'] },
  suspend: { fields: ['until', 'reason'], needs: ['reason'] },
  appeal: { fields: ['reason'], needs: ['reason'] },
}

/** What the photos of an act show. */
export function photoRole(name: OfferedAct): AttachmentRole {
  return name === 'comment' ? 'other' : 'check'
}

/** In the order in which they are offered. */
const OFFERED = Object.keys(ACT_FORMS) as OfferedAct[]
const WISHES = ['delay', 'suspend', 'appeal'] as const

/** What may be offered, from the names the server allows. `ask` stands for the wishes that fit the state. */
export function offered(allowed: readonly string[], closed: boolean): OfferedAct[] {
  return OFFERED.filter((name) => {
    if (name === 'appeal') return allowed.includes('ask') && closed
    if (name === 'delay' || name === 'suspend') return allowed.includes('ask') && !closed
    return allowed.includes(name)
  })
}

export interface ActValues {
  text: string
  reason: string
  level: number
  user: string
  /** Unix ms. */
  until: number | null
  finding: SiteFinding | ''
  photos: readonly Attachment[]
}

export function emptyValues(): ActValues {
  return { text: '', reason: '', level: 1, user: '', until: null, finding: '', photos: [] }
}

/** The first field that must still be filled. */
export function missing(name: OfferedAct, values: ActValues): ActField | null {
  return (
    ACT_FORMS[name].needs.find((field) => {
      const value = values[field]
      return value === null || (typeof value === 'string' && value.trim() === '')
    }) ?? null
  )
}

/** The act, with trimmed words. Call it only when nothing is missing. */
export function eventOf(name: OfferedAct, values: ActValues): OrderEvent {
  const text = values.text.trim()
  const reason = values.reason.trim()
  switch (name) {
    case 'verify':
      return { act: name, user: values.user, text }
    case 'verified':
      return { act: name, finding: values.finding === '' ? 'unknown' : values.finding, text, attachments: [...values.photos] }
    case 'accept':
      return { act: name }
    case 'arrive':
      return { act: name }
    case 'dispatch':
      return { act: name, to: null, reason: '' }
    case 'supervise':
      return { act: name, level: values.level, text }
    case 'file':
    case 'approve':
    case 'urge':
      return { act: name, text }
    case 'finish':
    case 'pass':
    case 'comment':
      return { act: name, text, attachments: [...values.photos] }
    case 'rework':
      return { act: name, reason, attachments: [...values.photos] }
    case 'reject':
    case 'unmerge':
    case 'recall':
    case 'return':
    case 'deny':
    case 'resume':
    case 'close':
    case 'cancel':
      return { act: name, reason }
    case 'delay':
    case 'suspend':
    case 'appeal':
      return { act: 'ask', wish: wishOf(name, values.until), reason }
  }
}

function wishOf(name: (typeof WISHES)[number], until: number | null): Wish {
  if (name === 'delay') return { wish: name, until: until ?? 0 }
  return name === 'suspend' ? { wish: name, until } : { wish: name }
}
