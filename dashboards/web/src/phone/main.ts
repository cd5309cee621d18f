/** The phone app: works first, asks the network after. */
import { createApp } from 'vue'
import './phone.css'
import App from './App.vue'
import { startLive } from './live'
import { askWho, me } from './me'
import { recall } from './orders'
import { follow } from './outbox/outbox'
import { onOpen } from './push'
import { router } from './router'
import { recallShift, startShift } from './shift'
import { installShell } from './shell'
import { i18n, locale, setLocale } from './words'

setLocale(locale.value)

function open(): void {
  createApp(App).use(i18n).use(router).mount('#app')
  installShell()
  startShift()
  onOpen((path) => void router.push(path))
}

async function begin(): Promise<void> {
  // Whoever is known sees the last list at once; the hub is asked beside it. Nobody known: ask first, then show.
  if (me.value !== null) {
    await follow(me.value.username)
    await recall()
    open()
  }
  const user = await askWho()
  if (!document.querySelector('#app')?.hasChildNodes()) open()
  if (user === null) return
  await recallShift()
  startLive()
}

void begin()
