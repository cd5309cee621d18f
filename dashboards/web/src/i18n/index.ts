/** Chinese first, English second; the choice stays in this browser. */
import { createI18n, useI18n } from 'vue-i18n'
import en from './en'
import zh, { type Words } from './zh'

export type Locale = 'zh-CN' | 'en'
const KEPT = 'greenhub.locale'

function kept(): Locale {
  // Tests, and browsers that forbid storage, get the first language.
  return typeof localStorage !== 'undefined' && localStorage.getItem(KEPT) === 'en' ? 'en' : 'zh-CN'
}

export const i18n = createI18n<[Words], Locale, false>({
  legacy: false,
  locale: kept(),
  fallbackLocale: 'zh-CN',
  messages: { 'zh-CN': zh, en },
})

export function setLocale(locale: Locale): void {
  i18n.global.locale.value = locale
  localStorage.setItem(KEPT, locale)
  document.documentElement.lang = locale
}

type Leaf<T, P extends string = ''> = {
  [K in keyof T & string]: T[K] extends string ? `${P}${K}` : Leaf<T[K], `${P}${K}.`>
}[keyof T & string]

/** Every key there is; a key that is not in zh.ts does not compile. */
export type WordKey = Leaf<Words>

export function useWords() {
  const { locale } = useI18n()
  return { t, locale }
}

/** Reactive to the language wherever it is read inside a render or a computed. */
export function t(key: WordKey, named?: Record<string, string | number>): string {
  return named === undefined ? i18n.global.t(key) : i18n.global.t(key, named)
}
