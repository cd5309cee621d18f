/** Patrol media as the server's document has it. */
import type { Schemas, Whole } from '@/api/document'

export type MediaStream = Whole<Schemas['MediaStream']>
export type Recording = Whole<Schemas['Recording']>
export type RecordingProof = Whole<Schemas['RecordingProof']>
