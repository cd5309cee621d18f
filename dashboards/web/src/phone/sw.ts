/**
 * The phone app's service worker: the shell opens without network, nothing else is its business.
 *
 * - The shell (`m.html` and the files it needs, a list the build fills in) is kept whole, one cache for each build; a new
 *   build installs beside the old one and takes over when no page of the old one is open, or when the person says so.
 * - Pages under `/m/` are answered from the shell at once: every view is the same page.
 * - Photos (`/api/v1/files/…/thumb`) never change under their address: kept, at most `PHOTOS_MAX`, dropped at logout.
 * - Everything else, and all other answers of the API, goes to the hub: what is kept of those is the app's own to say.
 *
 * Written by hand instead of taken from workbox: it must keep the phone's files only, out of a build that also holds the
 * console and MapLibre, and it is a hundred lines against two hundred packages.
 */
/// <reference lib="webworker" />
declare const __SHELL__: { version: string; files: string[] }
declare const __PUSH__: string

const worker = self as unknown as ServiceWorkerGlobalScope
const { version, files: FILES } = __SHELL__
const SHELL = `phone-shell-${version}`
const PHOTOS = 'phone-photos'
const PHOTOS_MAX = 300

// Notices are the notifier's: its script, where the build has one, handles push and taps on notices.
if (__PUSH__ !== '') worker.importScripts(__PUSH__)

worker.addEventListener('install', (event) => {
  event.waitUntil(
    caches.open(SHELL).then((cache) => cache.addAll(FILES.map((file) => new Request(file, { cache: 'no-cache' })))),
  )
})

worker.addEventListener('activate', (event) => {
  const old = (name: string) => name.startsWith('phone-shell-') && name !== SHELL
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name))))
      .then(() => worker.clients.claim()),
  )
})

worker.addEventListener('message', (event) => {
  if (event.data === 'take-over') void worker.skipWaiting()
  if (event.data === 'forget') event.waitUntil(caches.delete(PHOTOS))
})

worker.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== worker.location.origin) return
  if (request.mode === 'navigate' && url.pathname.startsWith('/m/')) event.respondWith(shell('/m.html', request))
  else if (FILES.includes(url.pathname)) event.respondWith(shell(url.pathname, request))
  else if (/^\/api\/v1\/files\/[^/]+(\/thumb)?$/.test(url.pathname) && url.search === '') event.respondWith(photo(request))
})

async function shell(path: string, request: Request): Promise<Response> {
  const kept = await (await caches.open(SHELL)).match(path)
  return kept ?? fetch(request)
}

async function photo(request: Request): Promise<Response> {
  const cache = await caches.open(PHOTOS)
  const kept = await cache.match(request)
  if (kept !== undefined) return kept
  const answer = await fetch(request)
  if (answer.status === 200 && !answer.redirected) {
    await cache.put(request, answer.clone())
    const keys = await cache.keys()
    await Promise.all(keys.slice(0, Math.max(0, keys.length - PHOTOS_MAX)).map((key) => cache.delete(key)))
  }
  return answer
}
