/*
 * Shows what the hub pushes, and opens the page it speaks of. Nothing else: no cache, no fetch.
 *
 * Plain script, so that another worker can take it in: `importScripts('/push-sw.js')`. What comes is the JSON of
 * hub/src/notify/push/payload.rs; a message that cannot be read is shown all the same, for a browser takes the
 * permission away from whoever shows nothing.
 */
'use strict'

self.addEventListener('push', (event) => {
  let told = {}
  try {
    told = event.data === null ? {} : event.data.json()
  } catch {
    // Shown below in general words.
  }
  const tag = typeof told.tag === 'string' && told.tag !== '' ? told.tag : undefined
  event.waitUntil(
    self.registration.showNotification(told.title || '绿枢通知', {
      body: told.body || '',
      icon: '/favicon.svg',
      badge: '/favicon.svg',
      lang: 'zh-CN',
      tag,
      renotify: tag !== undefined && told.quiet !== true,
      silent: told.quiet === true,
      requireInteraction: told.priority === 'P1' && told.quiet !== true,
      timestamp: told.at || Date.now(),
      data: { url: told.url || '/' },
    }),
  )
})

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  // Only pages of the hub itself are opened, whatever the message says.
  const wanted = new URL(event.notification.data.url, self.registration.scope)
  const target = wanted.origin === self.location.origin ? wanted.href : self.registration.scope
  event.waitUntil(
    (async () => {
      const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
      const page = pages.find((one) => one.url === target) || pages.find((one) => one.visibilityState === 'visible') || pages[0]
      if (page === undefined) return self.clients.openWindow(target)
      await page.focus()
      if (page.url !== target) page.postMessage({ type: 'greenhub-open', url: wanted.pathname + wanted.search + wanted.hash })
    })(),
  )
})

self.addEventListener('pushsubscriptionchange', (event) => {
  // The push service gave another address: renew it with the hub, as the person who is logged in.
  event.waitUntil(
    (async () => {
      const old = event.oldSubscription
      const options = old ? old.options : { userVisibleOnly: true }
      const fresh = event.newSubscription || (await self.registration.pushManager.subscribe(options))
      const call = (method, body) =>
        fetch('/api/v1/push/subscriptions', {
          method,
          credentials: 'same-origin',
          headers: { 'Content-Type': 'application/json', 'X-Greenhub-Request': '1' },
          body: JSON.stringify(body),
        })
      await call('POST', { ...fresh.toJSON(), label: self.navigator.userAgent })
      if (old) await call('DELETE', { endpoint: old.endpoint })
    })(),
  )
})
