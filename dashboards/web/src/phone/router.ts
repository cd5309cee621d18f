/** Routes of the phone app, all below /m/. Without network the kept name lets in; the hub decides what is answered. */
import { createRouter, createWebHistory } from 'vue-router'
import { expired, me } from './me'
import type { WordKey } from './words'

declare module 'vue-router' {
  interface RouteMeta {
    open?: boolean
    title?: string
    skin?: 'seat' | 'wall'
    /** A page of its own above the tabs. */
    above?: boolean
  }
}

const title = (key: WordKey): string => key

export const router = createRouter({
  history: createWebHistory('/m/'),
  routes: [
    { path: '/login', component: () => import('./screens/LoginScreen.vue'), meta: { open: true, above: true, title: title('title.login') } },
    { path: '/', component: () => import('./screens/ListScreen.vue'), meta: { title: title('title.list') } },
    { path: '/orders/:id', component: () => import('./screens/OrderScreen.vue'), meta: { above: true, title: title('title.order') } },
    { path: '/map', component: () => import('./screens/MapScreen.vue'), meta: { title: title('title.map') } },
    { path: '/report', component: () => import('./screens/ReportScreen.vue'), meta: { above: true, title: title('title.report') } },
    { path: '/messages', component: () => import('./screens/MessagesScreen.vue'), meta: { title: title('title.messages') } },
    { path: '/mine', component: () => import('./screens/MineScreen.vue'), meta: { title: title('title.mine') } },
    { path: '/outbox', component: () => import('./screens/OutboxScreen.vue'), meta: { above: true, title: title('title.outbox') } },
    { path: '/:rest(.*)*', redirect: '/' },
  ],
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
})

router.beforeEach((to) => {
  if (to.path === '/login' && me.value !== null && !expired.value) return '/'
  if (to.meta.open === true || me.value !== null) return true
  return { path: '/login', query: to.fullPath === '/' ? {} : { next: to.fullPath } }
})
