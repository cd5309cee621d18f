import { describe, expect, test } from 'vitest'
import type { CodeEntry } from '@/api/dispatch'
import { order } from '@/testing/things'
import { findCodes } from './codes'
import { emptyCase, formOf, partsOf, patchOf, troublesOf, valuesOf, type CaseValues } from './forms'
import { fromInput, toInput } from './localTime'

const NOW = 1_000_000
const filled = (more: Partial<CaseValues> = {}): CaseValues => ({ ...emptyCase(), title: '垃圾箱满溢', address: '云杉路 18 号', ...more })

describe('a case form', () => {
  test('is fine with a title and a place', () => expect(troublesOf(filled(), NOW)).toEqual([]))
  test.each([
    [{ title: '  ' }, ['title']],
    [{ title: '长'.repeat(101) }, ['title']],
    [{ text: '长'.repeat(2_001) }, ['text']],
    [{ address: '' }, ['place']],
    [{ address: '', lon: '121.4', lat: '31.2' }, []],
    [{ lon: '121.4' }, ['lonlat']],
    [{ lon: '181', lat: '31' }, ['lonlat']],
    [{ seenAt: NOW + 1 }, ['seen']],
    [{ number: 'SH-1' }, ['external']],
    [{ system: '12345', number: 'SH-1', deadline: NOW }, ['deadline']],
  ] as [Partial<CaseValues>, string[]][])('%o: %o', (more, troubles) => {
    expect(troublesOf(filled(more), NOW)).toEqual(troubles)
  })
  test('sends only what was said', () => {
    const form = formOf(filled({ phone: '13800000000', system: '12345', number: 'SH-1', lon: '121.4', lat: '31.2' }))
    expect(form).toMatchObject({ reporter: { name: '', phone: '13800000000' }, external: { system: '12345', number: 'SH-1' }, place: { lon: 121.4, lat: 31.2 } })
    expect('kind' in form || 'seen_at' in form || 'device' in form).toBe(false)
    expect(form.external !== null && form.external !== undefined && 'deadline' in form.external).toBe(false)
  })
})

describe('a correction', () => {
  const one = order('o', { title: '甲', address: '路 1', lon: 121, lat: 31, sub_district: '街' })
  test('is none where nothing differs', () => expect(patchOf(one, valuesOf(one))).toBeNull())
  test('keeps the point when the address changes', () => {
    expect(patchOf(one, { ...valuesOf(one), address: '路 2' })).toEqual({ place: { lon: 121, lat: 31, address: '路 2', grid: '', sub_district: '街' } })
  })
})

test('a split needs two parts with titles, at most ten', () => {
  const part = (title: string) => ({ title, text: '', kind: null })
  expect(partsOf([part('甲')])).toBeNull()
  expect(partsOf([part('甲'), part(' ')])).toBeNull()
  expect(partsOf([part('甲'), part('乙')])).toHaveLength(2)
  expect(partsOf(Array.from({ length: 11 }, () => part('甲')))).toBeNull()
})

test('codes are found by code first, then by the beginning of a name', () => {
  const entry = (code: string, name: string): CodeEntry => ({ scheme: 's', category: 'matter', code, class: '市容环境', name })
  const list = [entry('06010', '暴露垃圾'), entry('06042', '垃圾站（箱）满溢'), entry('06041', '垃圾未分类')]
  expect(findCodes(list, '06041', 5).map((one) => one.code)).toEqual(['06041'])
  expect(findCodes(list, '垃圾', 5).map((one) => one.code)).toEqual(['06042', '06041', '06010'])
  expect(findCodes(list, '无此', 5)).toEqual([])
  expect(findCodes(list, '', 2)).toHaveLength(2)
})

test('field times are the district’s', () => {
  expect(toInput(Date.UTC(2026, 9, 1, 1, 0))).toBe('2026-10-01T09:00')
  expect(fromInput('2026-10-01T09:00')).toBe(Date.UTC(2026, 9, 1, 1, 0))
  expect(fromInput('bad')).toBeNull()
})
