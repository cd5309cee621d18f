import { describe, expect, test } from 'vitest'
import { ACT_FORMS, emptyValues, eventOf, missing, offered, type OfferedAct } from './actForms'

describe('acts that are offered', () => {
  test('are those the server allows', () => {
    expect(offered(['urge', 'supervise', 'recall'], false)).toEqual(['recall', 'supervise', 'urge'])
  })
  test('a wish is a delay or suspension while open, an appeal afterwards', () => {
    expect(offered(['ask'], false)).toEqual(['delay', 'suspend'])
    expect(offered(['ask'], true)).toEqual(['appeal'])
  })
})

describe('the form of an act', () => {
  test('says what is missing, and blanks do not count', () => {
    expect(missing('reject', { ...emptyValues(), reason: '  ' })).toBe('reason')
    expect(missing('delay', { ...emptyValues(), reason: '等配件' })).toBe('until')
    expect(missing('suspend', { ...emptyValues(), reason: '等配件' })).toBeNull()
    expect(missing('urge', emptyValues())).toBeNull()
  })
  test('becomes the act', () => {
    expect(eventOf('supervise', { ...emptyValues(), level: 2, text: ' 今天办结 ' })).toEqual({ act: 'supervise', level: 2, text: '今天办结' })
    expect(eventOf('delay', { ...emptyValues(), until: 5, reason: '等配件' })).toEqual({ act: 'ask', wish: { wish: 'delay', until: 5 }, reason: '等配件' })
    expect(eventOf('appeal', { ...emptyValues(), reason: '不服' })).toEqual({ act: 'ask', wish: { wish: 'appeal' }, reason: '不服' })
    expect(eventOf('dispatch', emptyValues())).toEqual({ act: 'dispatch', to: null, reason: '' })
  })
  test('every offered act names what it needs among its fields', () => {
    for (const name of Object.keys(ACT_FORMS) as OfferedAct[]) {
      const { fields, needs } = ACT_FORMS[name]
      expect(needs.every((field) => fields.includes(field)), name).toBe(true)
    }
  })
})
