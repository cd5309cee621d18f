import { createApp } from 'vue'
import App from './App.vue'
import { startBlinking } from './clock'
import { i18n, setLocale, type Locale } from './i18n'
import { router } from './router'
import './styles/base.css'
import './styles/report.css'

setLocale(i18n.global.locale.value as Locale)
startBlinking()
createApp(App).use(i18n).use(router).mount('#app')
