/** The console's view bound to the router: one reactive object, written back without a history entry per move. */
import { reactive, watch } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { skin } from '@/prefs'
import { parseView, viewQuery, type ViewState } from './view'

export function useView(): ViewState {
  const route = useRoute()
  const router = useRouter()
  const view = reactive(parseView(route.query))
  if (view.skin !== null) skin.value = view.skin
  let written = JSON.stringify(viewQuery(view))

  let queued = false
  watch(view, () => {
    if (queued) return
    queued = true
    // Selection, camera and filters often change together; one URL for all of them.
    queueMicrotask(() => {
      queued = false
      const query = viewQuery(view)
      const next = JSON.stringify(query)
      if (next === written || route.path !== '/map') return
      written = next
      void router.replace({ path: '/map', query: { ...query, past: route.query.past } })
    })
  })
  watch(skin, (value) => {
    if (view.skin !== null || value === 'wall') view.skin = value
  })
  // Someone edits the URL or goes back: take it over.
  watch(
    () => route.query,
    (query) => {
      if (route.path !== '/map') return
      const parsed = parseView(query)
      const next = JSON.stringify(viewQuery(parsed))
      if (next === written) return
      written = next
      Object.assign(view, parsed)
    },
  )
  return view
}
