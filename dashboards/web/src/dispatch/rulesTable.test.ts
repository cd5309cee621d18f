import { describe, expect, test } from 'vitest'
import type { DispatchRules } from '@/api/dispatch'
import { addRow, listOfText, placeOf, problemsAt, putRow, raiseRow, removeRow, rowsOf, setCell, withKind } from './rulesTable'

const rules = {
  version: 3,
  teams: [{ id: 't1', name: '一班' }],
  members: [],
  notices: [
    { way: 'app', who: 'assignee', after_s: 0 },
    { way: 'sms', who: 'assignee', after_s: 300 },
  ],
  limits: [],
} as unknown as DispatchRules

describe('rules are edited as tables', () => {
  test('and the old document stays as it was', () => {
    const before = JSON.stringify(rules)
    const next = addRow(rules, 'members', '2026-11-24')
    expect(rowsOf(next, 'members')).toEqual([{ user: '', name: '', team: 't1', skills: [], phone: '' }])
    expect(removeRow(next, 'members', 0).members).toEqual([])
    expect(rowsOf(raiseRow(rules, 'notices', 1), 'notices').map((one) => one.way)).toEqual(['sms', 'app'])
    expect(raiseRow(rules, 'notices', 0)).toBe(rules)
    expect(JSON.stringify(rules)).toBe(before)
  })
  test('a part that the document leaves out has no rows', () => expect(rowsOf(rules, 'roster')).toEqual([]))
  test('cells become what the server takes', () => {
    expect(setCell({}, { key: 'value', cell: 'number' }, '4.5')).toEqual({ value: 4.5 })
    expect(setCell({ lead: 'x' }, { key: 'lead', cell: 'text', free: true }, '')).toEqual({})
    expect(setCell({}, { key: 'codes', cell: 'list' }, '06、0904, 01')).toEqual({ codes: ['06', '0904', '01'] })
    expect(putRow(rules, 'teams', 0, { id: 't2', name: '二班' }).teams[0]?.id).toBe('t2')
  })
  test('lists forgive how they are parted', () => expect(listOfText(' 06，06  07;08')).toEqual(['06', '07', '08']))
})

test('sentences stand at their cell, and not at row 1 what belongs to row 12', () => {
  const problems = [
    { path: 'limits[12].value', text: 'a' },
    { path: 'limits[1].from', text: 'b' },
    { path: 'limits', text: 'c' },
    { path: 'calendar.holidays[2]', text: 'd' },
  ]
  expect(problemsAt(problems, 'limits', 1).map((one) => one.text)).toEqual(['b'])
  expect(problemsAt(problems, 'limits', 12, 'value').map((one) => one.text)).toEqual(['a'])
  expect(problemsAt(problems, 'limits').map((one) => one.text)).toEqual(['a', 'b', 'c'])
  expect(problemsAt(problems, 'calendar').map((one) => one.text)).toEqual(['d'])
})

test.each([
  ['预警比例 warn_share 应大于 0 且小于 1，例如 0.7', 'warn_share'],
  ['时限表第 3 行的时限应大于 0 且不超过 10000', 'limits[2].value'],
  ['时限表第 3 行的生效日期 "x" 无法识别，请按 2026-01-01 的样子填写', 'limits[2].from'],
  ['值班表第 1 行的日期 "x" 无法识别', 'roster[0].day'],
  ['班组编号 "t1" 重复', 'teams[0].id'],
  ['别的一句话', ''],
])('the sentence %s belongs to %s', (text, path) => {
  expect(placeOf(text, rules)).toBe(path)
})

describe('kinds of cases that alarms are opened as', () => {
  const kind = { scheme: 'gbt47678-2026', category: 'matter', code: '06042' } as const

  test('come, change and go without touching the others', () => {
    const rules = { alarm_kinds: { BIN_FULL: kind }, class_kinds: {} } as unknown as DispatchRules
    const more = withKind(rules, 'alarm_kinds', 'SOS', { ...kind, code: '1' })
    expect(Object.keys(more.alarm_kinds ?? {})).toEqual(['BIN_FULL', 'SOS'])
    expect(withKind(more, 'alarm_kinds', 'SOS', null).alarm_kinds).toEqual(rules.alarm_kinds)
    expect(rules.class_kinds).toEqual({})
  })

  test('take the sentence that names them', () => {
    const rules = { alarm_kinds: { SOS: kind }, class_kinds: { light: kind } } as unknown as DispatchRules
    expect(placeOf('告警 SOS 的案件类别不可用：没有代码', rules)).toBe('alarm_kinds.SOS')
    expect(placeOf('告警 light 的案件类别不可用：没有代码', rules)).toBe('class_kinds.light')
  })
})
