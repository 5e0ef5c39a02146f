/** Copies that are made again, as `GET /v1/repairs` shows them: those under way, and the newest of those that have ended. */
import Type, { type Static } from 'typebox'

export const REPAIRS_LIMIT_MAX = 1000
export const REPAIRS_LIMIT_DEFAULT = 100

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const Text = Type.Union([Type.String(), Type.Null()])
const WallMs = Type.Integer({
  minimum: 0,
  description: 'Milliseconds since 1970, by the clock of the master.',
})

export const RepairView = Type.Object({
  id: Type.String({ description: 'Rises; hexadecimal.', examples: ['200000031'] }),
  volume: Type.String({
    description: 'Hexadecimal, as in the logs and on the disks.',
    examples: ['100000004'],
  }),
  state: Type.String({
    description:
      '`running`, `done` (verified up to its end), `cancelled` (no longer needed), `failed`, or a newer one.',
    examples: ['running'],
  }),
  cause: Type.String({
    description: 'What made it necessary: lost, damaged, drain, balance, zone, policy, or a newer one.',
    examples: ['lost'],
  }),
  source: Type.String({
    description: 'Name of the server that is asked first.',
    examples: ['chunk-server-1'],
  }),
  target: Type.String({ description: 'Name of the server that makes it.', examples: ['chunk-server-4'] }),
  bytes: Count,
  bytesDone: Type.Union([Count, Type.Null()], {
    description: 'While it runs, as its server said last; null if it has said nothing yet, and afterwards.',
  }),
  bytesPerSecond: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
    description: 'Of about the last ten seconds.',
  }),
  secondsLeft: Type.Union([Count, Type.Null()], { description: 'At that rate; null where nobody knows.' }),
  why: { ...Text, description: 'What it waits for, for people; null if it does not.' },
  tries: Type.Integer({
    minimum: 0,
    description: 'Times that it failed at a source, as its server counts them.',
  }),
  lastError: { ...Text, description: 'What went wrong last, or why it was cancelled.' },
  begunMs: WallMs,
  endedMs: Type.Union([WallMs, Type.Null()]),
})
export type RepairView = Static<typeof RepairView>

export const RepairsView = Type.Object({
  repairs: Type.Array(RepairView, { description: 'The newest first.' }),
  next: { ...Text, description: 'For `before` of the next page; null if this is the last.' },
})
export type RepairsView = Static<typeof RepairsView>

export interface RepairsRequest {
  /** Those below this id; null for the newest. */
  readonly before: number | null
  readonly repairsMax: number
}
