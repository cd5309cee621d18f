/** Whole, valid entities for tests; each test states only what it is about. */
import type { Alarm, AlarmEvent, DeviceView, Order, UnitView } from '@/api/types'

export function unit(id: string, more: Partial<UnitView> = {}): UnitView {
  return {
    id,
    class: 'patrol',
    name: id,
    lon: 121.4,
    lat: 31.2,
    speed_kmh: 5,
    heading_deg: 90,
    accuracy_m: 5,
    battery_pct: 80,
    sos: false,
    time: 1_000,
    received: 1_000.5,
    state: 'online',
    ...more,
  }
}

export function device(id: string, more: Partial<DeviceView> = {}): DeviceView {
  return {
    id,
    class: 'plant',
    name: id,
    kind: 'furnace',
    lon: 121.4,
    lat: 31.2,
    sub_district: '',
    parent: null,
    state: 'online',
    on: null,
    dim_pct: null,
    values: [],
    time: 1_000,
    received: 1_000,
    ...more,
  }
}

export function alarm(id: string, more: Partial<Alarm> = {}): Alarm {
  return {
    id,
    device: 'F-01',
    class: 'plant',
    device_name: '1号焚烧炉',
    sub_component: null,
    code: 'TEMPERATURE_LOW',
    title: '炉膛温度偏低',
    cause: '',
    consequence: '',
    action: '',
    text: '',
    severity: 'major',
    priority: 'P2',
    priority_reasons: [],
    state: 'unacknowledged',
    active: true,
    acknowledged: false,
    acknowledged_by: null,
    acknowledged_at: null,
    shelved_until: null,
    raised_at: 1_000,
    last_seen_at: 1_000,
    returned_at: null,
    count: 1,
    annunciations: 1,
    value: null,
    limit: null,
    unit: '',
    lon: null,
    lat: null,
    sub_district: '',
    late: false,
    explanation: [],
    folds: 0,
    first_position: 1,
    last_position: 1,
    ...more,
  }
}

export function order(id: string, more: Partial<Order> = {}): Order {
  return {
    id,
    source: 'desk',
    external: null,
    alarm: null,
    title: '',
    text: '',
    kind: null,
    priority: 'P2',
    state: 'filed',
    device: null,
    class: null,
    lon: null,
    lat: null,
    address: '',
    grid: '',
    sub_district: '',
    reporter: null,
    seen_at: 1_000,
    assignee: null,
    finished_by: null,
    state_at: 1_000,
    state_by: '',
    suspended_from: null,
    suspended_until: null,
    team: null,
    attachments: [],
    verification: null,
    pending: null,
    supervision: null,
    rework_count: 0,
    delay_count: 0,
    return_count: 0,
    merged_into: null,
    parent: null,
    children: [],
    clocks: [],
    created_at: 1_000,
    updated_at: 1_000,
    version: 0,
    ...more,
  }
}

export function raised(alarmId: string, position: number): AlarmEvent {
  return { alarm: alarmId, kind: 'raised', at: 0, position, by: '', text: '', state: 'unacknowledged', value: null, called: true }
}

/** A small generator with a seed, so that a failing run can be repeated. */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = state
    x = Math.imul(x ^ (x >>> 15), x | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296
  }
}
