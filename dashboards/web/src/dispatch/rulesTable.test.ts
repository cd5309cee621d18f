import { describe, expect, test } from 'vitest'
import type { DispatchRules } from '@/api/dispatch'
import { addRow, listOfText, problemsAt, putRow, raiseRow, removeRow, rowsOf, setCell } from './rulesTable'

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
