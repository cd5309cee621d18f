/**
 * Who there is to send: people as the server sees them and teams of the rules, asked for once for all views that look,
 * and again every few seconds while somebody does.
 */
import { computed, onBeforeUnmount, onMounted, shallowRef } from 'vue'
import { ApiError, read } from '@/api/client'
import { DUTY_STATES, type Assignee, type DispatchRules, type DutyState, type Order, type StaffView } from '@/api/dispatch'
import { t } from '@/i18n'

const ASK_EVERY_MS = 5_000

export const staff = shallowRef<readonly StaffView[]>([])
export const rules = shallowRef<DispatchRules | null>(null)
export const staffFailure = shallowRef('')
let users = 0
let timer = 0

function why(error: unknown): string {
  if (!(error instanceof ApiError)) return String(error)
  return error.status === 0 ? t('common.unreachable') : error.message
}

async function askStaff(): Promise<void> {
  try {
    staff.value = await read('/api/v1/staff', {})
    staffFailure.value = ''
  } catch (error) {
    staffFailure.value = why(error)
  }
}

export async function askRules(): Promise<void> {
  try {
    rules.value = (await read('/api/v1/dispatch/rules', {})).rules
  } catch {
    // Names fall back to ids; pages that edit the rules ask themselves and say why.
  }
}

/** Keeps people and teams fresh while the component lives. */
export function usePeople() {
  onMounted(() => {
    users += 1
    if (users > 1) return
    void askStaff()
    void askRules()
    timer = window.setInterval(() => {
      if (document.visibilityState === 'visible') void askStaff()
    }, ASK_EVERY_MS)
  })
  onBeforeUnmount(() => {
    users -= 1
    if (users === 0) window.clearInterval(timer)
  })
  return { staff, rules, byUser }
}

const byUser = computed(() => new Map(staff.value.map((one) => [one.user, one])))
const teams = computed(() => new Map((rules.value?.teams ?? []).map((one) => [one.id, one.name])))

export function personName(user: string): string {
  return byUser.value.get(user)?.name || rules.value?.members.find((one) => one.user === user)?.name || user
}

export function teamName(team: string): string {
  return teams.value.get(team) || team
}

export function assigneeName(to: Assignee): string {
  return to.to === 'person' ? personName(to.user) : t('dispatch.to.team', { name: teamName(to.team) })
}

/** Who has an order, in words; none is a word too. */
export function holderText(order: Order): string {
  if (order.assignee !== null) {
    const name = personName(order.assignee)
    return order.state === 'filed' ? t('dispatch.to.planned', { name }) : name
  }
  if (order.team !== null) {
    const name = t('dispatch.to.team', { name: teamName(order.team) })
    return order.state === 'filed' ? t('dispatch.to.planned', { name }) : name
  }
  return t('dispatch.to.none')
}

/** Whose unit it is. */
export function personOfDevice(device: string): StaffView | null {
  return staff.value.find((one) => one.device === device || device === `P-${one.user}`) ?? null
}

export interface DutyGroup {
  state: DutyState
  people: StaffView[]
}

/** The status board: one group a state, the least busy first. Pure. */
export function board(people: readonly StaffView[], needle = ''): DutyGroup[] {
  const wanted = needle.trim().toLowerCase()
  const shown = people.filter((one) => wanted === '' || [one.user, one.name, one.team, one.device ?? ''].some((s) => s.toLowerCase().includes(wanted)))
  return DUTY_STATES.map((state) => ({
    state,
    people: shown.filter((one) => one.state === state).sort((a, b) => a.load - b.load || (a.name < b.name ? -1 : 1)),
  }))
}
