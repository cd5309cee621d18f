/** The phone's words: the same languages and the same memory of the choice as the console, only fewer words. */
import { createI18n } from 'vue-i18n'
import en from '@/i18n/en/phone'
import zh, { type PhoneWords } from '@/i18n/zh/phone'

export type Locale = 'zh-CN' | 'en'
const KEPT = 'greenhub.locale'

function kept(): Locale {
  return typeof localStorage !== 'undefined' && localStorage.getItem(KEPT) === 'en' ? 'en' : 'zh-CN'
}

export const i18n = createI18n<[PhoneWords], Locale, false>({
  legacy: false,
  locale: kept(),
  fallbackLocale: 'zh-CN',
  messages: { 'zh-CN': zh, en },
})

export const locale = i18n.global.locale

export function setLocale(to: Locale): void {
  i18n.global.locale.value = to
  localStorage.setItem(KEPT, to)
  document.documentElement.lang = to
}

type Leaf<T, P extends string = ''> = {
  [K in keyof T & string]: T[K] extends string ? `${P}${K}` : Leaf<T[K], `${P}${K}.`>
}[keyof T & string]

export type WordKey = Leaf<PhoneWords>

export function t(key: WordKey, named?: Record<string, string | number>): string {
  return named === undefined ? i18n.global.t(key) : i18n.global.t(key, named)
}

/** A word by a name that came from the hub; the name itself where we have no word. */
export function word(group: 'event' | 'source' | 'wish' | 'indicator' | 'photo', name: string): string {
  const key = `${group}.${name}`
  return i18n.global.te(key) ? t(key as WordKey) : name
}
