/** The service worker: installed after the first paint; a newer build is offered, never forced on a half-filled form. */
import { shallowRef } from 'vue'

export const newer = shallowRef<ServiceWorker | null>(null)

export function installShell(): void {
  // Development serves the sources; nothing is to be kept there.
  if (!import.meta.env.PROD || navigator.serviceWorker === undefined) return
  const register = (): void => {
    void navigator.serviceWorker
      .register('/m-sw.js', { scope: '/m/', updateViaCache: 'none' })
      .then((registration) => {
        const offer = () => {
          if (registration.waiting !== null && navigator.serviceWorker.controller !== null) newer.value = registration.waiting
        }
        offer()
        registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', offer))
        document.addEventListener('visibilitychange', () => {
          if (document.visibilityState === 'visible') void registration.update().catch(() => undefined)
        })
      })
      .catch(() => undefined)
  }
  // Whoever was not known is asked for first, so the page may have loaded long ago.
  if (document.readyState === 'complete') register()
  else window.addEventListener('load', register, { once: true })
}

/** The newer build takes over, and the page begins anew with it. */
export function renew(): void {
  navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true })
  newer.value?.postMessage('take-over')
}
