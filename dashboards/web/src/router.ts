/** Routes, and the guard that lets nobody in without a session. Each page is a chunk of its own. */
import { createRouter, createWebHistory } from 'vue-router'
import type { Skin } from './map/appearance'
import { currentUser, ensureSession, homeOf, whenSessionEnds } from './session'

declare module 'vue-router' {
  interface RouteMeta {
    open?: boolean
    title?: string
    skin?: Skin
  }
}

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/login', component: () => import('./pages/LoginPage.vue'), meta: { open: true, title: 'login.title', skin: 'seat' } },
    { path: '/password', component: () => import('./pages/PasswordPage.vue'), meta: { title: 'password.title', skin: 'seat' } },
    {
      path: '/',
      component: () => import('./pages/DeskLayout.vue'),
      children: [
        { path: '', redirect: () => (currentUser.value === null ? '/login' : homeOf(currentUser.value.role)) },
        { path: 'map', component: () => import('./pages/MapPage.vue'), meta: { title: 'nav.map' } },
        { path: 'alarms', component: () => import('./pages/AlarmsPage.vue'), meta: { title: 'nav.alarms' } },
        { path: 'orders', component: () => import('./pages/OrdersPage.vue'), meta: { title: 'nav.orders' } },
        { path: 'orders/new', component: () => import('./pages/OrderNewPage.vue'), meta: { title: 'dispatch.new' } },
        { path: 'orders/staff', component: () => import('./pages/StaffPage.vue'), meta: { title: 'dispatch.staff.title' } },
        { path: 'orders/plan', component: () => import('./pages/PlanPage.vue'), meta: { title: 'dispatch.plan.title' } },
        { path: 'orders/statistics', component: () => import('./pages/OrderStatsPage.vue'), meta: { title: 'dispatch.stats.title' } },
        { path: 'orders/rules', component: () => import('./pages/DispatchRulesPage.vue'), meta: { title: 'dispatch.rules.title' } },
        { path: 'orders/codes', component: () => import('./pages/CodesPage.vue'), meta: { title: 'dispatch.codes.title' } },
        { path: 'orders/:id', component: () => import('./pages/OrderPage.vue'), meta: { title: 'order.detail' } },
        { path: 'kpi', component: () => import('./pages/KpiPage.vue'), meta: { title: 'nav.kpi' } },
        { path: 'handover', component: () => import('./pages/HandoverPage.vue'), meta: { title: 'nav.handover' } },
        { path: 'changes', component: () => import('./pages/ChangesPage.vue'), meta: { title: 'nav.changes' } },
        { path: 'changes/:id(new|\\d+)', component: () => import('./pages/ChangePage.vue'), meta: { title: 'nav.changes' } },
        { path: 'notify', component: () => import('./pages/NotifyPage.vue'), meta: { title: 'nav.notify' } },
        { path: 'quarantine', component: () => import('./pages/QuarantinePage.vue'), meta: { title: 'nav.quarantine' } },
        { path: 'ledger', component: () => import('./pages/LedgerPage.vue'), meta: { title: 'nav.ledger' } },
      ],
    },
    { path: '/wall', component: () => import('./pages/WallPage.vue'), meta: { title: 'nav.wall', skin: 'wall' } },
    // The phone app is a page of its own, not a view of this one.
    { path: '/m/:rest(.*)*', component: () => import('./pages/LoginPage.vue'), beforeEnter: (to) => (window.location.replace(to.fullPath), false) },
    { path: '/:rest(.*)*', redirect: '/' },
  ],
})

router.beforeEach(async (to) => {
  const user = await ensureSession()
  if (to.meta.open === true) return user === null ? true : homeOf(user.role)
  if (user !== null) return to.path === '/' ? homeOf(user.role) : true
  return { path: '/login', query: to.fullPath === '/' ? {} : { next: to.fullPath } }
})

whenSessionEnds(() => void router.push({ path: '/login', query: { next: router.currentRoute.value.fullPath } }))
