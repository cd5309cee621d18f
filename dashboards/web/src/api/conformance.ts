/**
 * Proof, at compile time, that `types.ts` and `client.ts` say what the server's own document says. `schema.d.ts` is made
 * from `openapi.json` by `npm run api` before every check and build, so page and server cannot drift apart unseen.
 *
 * The document marks members that may be null as optional; the server always sends them, hence `Whole`. Tracks and
 * histories are tuples here and plain arrays in the document, so only their paths are held against it.
 */
import type { Reads, Writes } from './client'
import type { components, paths } from './schema'
import type * as Changes from './change'
import type { Whole } from './document'
import type { DispatchReads, DispatchWrites } from './orders'
import type * as Reports from './report'
import type * as Ours from './types'

type Theirs = components['schemas']

/** What they send can be read as ours. */
type Reads_<Sent, Read> = [Whole<Sent>] extends [Read] ? true : { sent: Whole<Sent>; read: Read }
/** The same words, none more, none less. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : { missing: Exclude<B, A> }) : { extra: Exclude<A, B> }

/** Without the calls of dispatch, whose types come from the document itself. */
type Asked = Exclude<keyof Reads, keyof DispatchReads>
type PathsOfWrites = { [K in Exclude<keyof Writes, keyof DispatchWrites>]: K extends `${string} ${infer P}` ? P : never }[Exclude<keyof Writes, keyof DispatchWrites>]

/** A line that does not hold makes `true` unassignable and names the difference. */
export const proofs: [
  Reads_<Theirs['UnitView'], Ours.UnitView>,
  Reads_<Theirs['DeviceView'], Ours.DeviceView>,
  Reads_<Theirs['Alarm'], Ours.Alarm>,
  Reads_<Theirs['AlarmEvent'], Ours.AlarmEvent>,
  Reads_<Theirs['AlarmDetail'], Ours.AlarmDetail>,
  Reads_<Theirs['AlarmAnswer'], { alarm: Ours.Alarm }>,
  Reads_<Theirs['BulkAnswer'], Ours.BulkAnswer>,
  Reads_<Theirs['Floods'], Ours.Floods>,
  Reads_<Theirs['OutOfService'], { items: Ours.ServiceChange[] }>,
  Reads_<Theirs['CountRow'], Omit<Ours.QuarantineCount, 'reason'>>,
  Reads_<Theirs['Ledger'], Ours.Ledger>,
  Reads_<Theirs['SystemInfo'], Ours.SystemView>,
  Reads_<Theirs['LoginAnswer'], Ours.Session>,
  Reads_<Theirs['Person'], Ours.SessionUser>,
  Reads_<Theirs['KpiReport'], Reports.KpiReport>,
  Reads_<Theirs['Handover'], Reports.Handover>,
  Reads_<Theirs['Delivery'], Reports.Delivery>,
  Reads_<Theirs['Notifications'], Reports.Notifications>,
  Reads_<Theirs['PushBrowser'], Reports.PushBrowser>,
  Reads_<Theirs['Change'], Changes.Change>,
  Reads_<Theirs['RulesAudit'], Changes.RuleAudit>,
  Reads_<Theirs['VersionInfo'], Omit<Changes.RuleVersion, 'origin'>>,
  Reads_<Theirs['BacktestResult'], Changes.BacktestResult>,
  Reads_<Theirs['ChangeDetail'], Changes.ChangeDetail>,
  Same<Theirs['ChangeState'], Changes.ChangeState>,
  Same<Theirs['Class'], Ours.DeviceClass>,
  Same<Theirs['AlarmState'], Ours.AlarmState>,
  Same<Theirs['AlarmEventKind'], Ours.AlarmEventKind>,
  Same<Theirs['Role'], Ours.Role>,
  Same<Theirs['Channel'], Ours.Channel>,
  Same<Theirs['Reject']['reason'], Ours.RejectCode>,
  Same<Asked, Asked & keyof paths>,
  Same<PathsOfWrites, PathsOfWrites & keyof paths>,
] = [
  true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true,
  true, true, true, true, true, true, true, true, true, true, true, true, true,
]
