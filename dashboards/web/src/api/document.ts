/**
 * Calls as the server's own document (`openapi.json`, made into `schema.d.ts`) describes them: a path is enough to know
 * what is asked, what is sent and what comes back, so nothing of it is written a second time.
 *
 * Members that may be null, or have a default, are optional in the document; the server always sends them, hence `Whole`.
 * What a page sends keeps its optional members.
 */
import type { components, paths } from './schema'

export type Schemas = components['schemas']

/** What the server sends: every member is there. */
export type Whole<T> = T extends readonly unknown[]
  ? { [K in keyof T]: Whole<T[K]> }
  : T extends object
    ? { [K in keyof T]-?: Whole<Exclude<T[K], undefined>> }
    : T

type Json<Response> = Response extends { content: { 'application/json': infer Body } } ? Whole<Body> : null
/** 200 where there is one: 201 and 204 are the same answer made anew, or none. */
type Answer<Responses> = 200 extends keyof Responses ? Json<Responses[200 & keyof Responses]> : null
type Query<Call> = Call extends { parameters: { query?: infer Q } } ? ([Q] extends [undefined] ? object : NonNullable<Q>) : object
type Sent<Call> = Call extends { requestBody?: infer Body }
  ? NonNullable<Body> extends { content: { 'application/json': infer Form } }
    ? Form
    : null
  : null
type Named<Call> = Call extends { parameters: { path: infer Names } } ? { path: Names } : unknown

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'
type Call<P extends keyof paths, M extends Method> = NonNullable<paths[P][M]>
type Responses<C> = C extends { responses: infer R } ? R : never

/** A GET by its path. */
export type ReadOf<P extends keyof paths> = {
  answer: Answer<Responses<Call<P, 'get'>>>
  query: Query<Call<P, 'get'>>
} & Named<Call<P, 'get'>>

/** A call that changes something, by `METHOD path`. */
export type WriteOf<K extends string> = K extends `${infer M} ${infer P extends keyof paths}`
  ? {
      body: Sent<Call<P, Lowercase<M> & Method>>
      answer: Answer<Responses<Call<P, Lowercase<M> & Method>>>
    } & Named<Call<P, Lowercase<M> & Method>>
  : never
