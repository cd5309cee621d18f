/** Who is logged in, and where each role begins its work. */
import { readonly, shallowRef } from 'vue'
import { ApiError, read, whenUnauthorised, write } from './api/client'
import type { Role, SessionUser } from './api/types'

const user = shallowRef<SessionUser | null>(null)
let asked: Promise<void> | null = null

export const currentUser = readonly(user)

const HOMES: Record<Role, string> = {
  dispatcher: '/map',
  plant_operator: '/alarms',
  clerk: '/orders',
  patrol_officer: '/m/',
  crew: '/m/',
  auditor: '/ledger',
  administrator: '/map',
}

export function homeOf(role: Role): string {
  return HOMES[role]
}

/** Whether the page offers the acts on alarms; the server decides in the end. */
export function mayAct(role: Role | undefined): boolean {
  return role === 'dispatcher' || role === 'plant_operator'
}

export function mayComment(role: Role | undefined): boolean {
  return mayAct(role) || role === 'clerk' || role === 'patrol_officer' || role === 'crew'
}

/** Where people went is not for everybody's eyes. */
export function maySeeTracks(role: Role | undefined): boolean {
  return role === 'dispatcher' || role === 'clerk' || role === 'auditor' || role === 'administrator'
}

export function maySeeQuarantine(role: Role | undefined): boolean {
  return role === 'dispatcher' || role === 'plant_operator' || role === 'auditor' || role === 'administrator'
}

/** KPI and hand-over are for everybody who sits at a desk. */
export function maySeeReports(role: Role | undefined): boolean {
  return role !== undefined && role !== 'patrol_officer' && role !== 'crew'
}

/** Who may watch and hear a unit. */
export function mayWatch(role: Role | undefined): boolean {
  return role === 'dispatcher' || role === 'administrator'
}

/** What was recorded of a unit. */
export function mayReplay(role: Role | undefined): boolean {
  return role === 'dispatcher' || role === 'auditor' || role === 'administrator'
}

/** Rules of notification and their journal. */
export function maySeeNotify(role: Role | undefined): boolean {
  return role === 'dispatcher' || role === 'plant_operator' || role === 'auditor' || role === 'administrator'
}

/** Who may ask for a change of the rules. */
export function mayRequest(role: Role | undefined): boolean {
  return role === 'dispatcher' || role === 'plant_operator' || role === 'administrator'
}

/** Who may review and approve; never the own request, which the server sees to. */
export function mayReview(role: Role | undefined): boolean {
  return role === 'plant_operator' || role === 'administrator'
}

/** Asks the server once whether the cookie is still good. */
export async function ensureSession(): Promise<SessionUser | null> {
  if (user.value !== null) return user.value
  asked ??= read('/api/v1/session', {}, { quiet: true }).then(
    (known) => {
      user.value = known
    },
    (error: unknown) => {
      if (!(error instanceof ApiError)) throw error
    },
  )
  await asked
  asked = null
  return user.value
}

export async function login(username: string, password: string): Promise<SessionUser> {
  const session = await write('POST /api/v1/session', { username, password }, { quiet: true })
  // The cookie carries the session from here on; the token is for programs and is not kept in the page.
  user.value = { ...session.user, expires_at: session.expires_at }
  mustChangePassword.value = session.must_change_password
  return user.value
}

/** Whether the person must choose an own password before anything else. */
export const mustChangePassword = shallowRef(false)

/** All sessions of the person end with it, this one too. */
export async function changePassword(current: string, password: string): Promise<void> {
  await write('PUT /api/v1/session/password', { current, password }, { quiet: true })
  user.value = null
  mustChangePassword.value = false
}

export async function logout(): Promise<void> {
  try {
    await whoLeaves()
    await write('DELETE /api/v1/session', null, { quiet: true })
  } finally {
    user.value = null
  }
}

let whoLeaves: () => Promise<void> = () => Promise.resolve()

/** What is done for a person who logs out, while the server still knows who it is. */
export function beforeLogout(act: () => Promise<void>): void {
  whoLeaves = act
}

/** Runs `act` when the server no longer knows us. */
export function whenSessionEnds(act: () => void): void {
  whenUnauthorised(() => {
    if (user.value === null) return
    user.value = null
    act()
  })
}

/** Whether the session still stands; used when a socket is refused without a reason. */
export async function sessionStands(): Promise<boolean> {
  try {
    await read('/api/v1/session', {})
    return true
  } catch (error) {
    return !(error instanceof ApiError && error.status === 401)
  }
}
