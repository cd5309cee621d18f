/** The tree of notification routes as a list that a person edits, and receivers as words. Pure. */
import type { Receiver, Route } from '@/api/report'

export interface FlatRoute {
  route: Route
  depth: number
  /** Where it stands: indices from the root. */
  at: number[]
}

export function flatten(routes: readonly Route[], depth = 0, above: readonly number[] = []): FlatRoute[] {
  return routes.flatMap((route, i) => {
    const at = [...above, i]
    return [{ route, depth, at }, ...flatten(route.routes ?? [], depth + 1, at)]
  })
}

/** The tree with one route replaced, or taken out where `next` is null. Nothing of the old tree changes. */
export function replaced(routes: readonly Route[], at: readonly number[], next: Route | null): Route[] {
  const [here, ...below] = at
  return routes.flatMap((route, i) => {
    if (i !== here) return [route]
    if (below.length > 0) return [{ ...route, routes: replaced(route.routes ?? [], below, next) }]
    return next === null ? [] : [next]
  })
}

/** A receiver as one word, `role:dispatcher`. */
export function receiverKey(receiver: Receiver): string {
  const [kind, name] = Object.entries(receiver)[0] ?? ['', '']
  return `${kind}:${name}`
}

export function receiverOf(key: string): Receiver {
  const cut = key.indexOf(':')
  return { [key.slice(0, cut)]: key.slice(cut + 1) }
}

export function flipped<T>(list: readonly T[] | null | undefined, one: T): T[] {
  const all = list ?? []
  return all.includes(one) ? all.filter((other) => other !== one) : [...all, one]
}
