/** The last new history of the metadata, as `GET /v1/recovery` shows it: what it was begun from, and what became of what was found. */
import Type, { type Static } from 'typebox'

export const SALVAGED_LIMIT_MAX = 1000
export const SALVAGED_LIMIT_DEFAULT = 100

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const WallMs = Type.Integer({
  minimum: 0,
  description: 'Milliseconds since 1970, by the clock of whoever has begun it, and of the master.',
})
const Text = Type.Union([Type.String(), Type.Null()])
const Standing = Type.Object({ start: Count, transaction: Count })

export const SalvagedWrite = Type.Object({
  id: Type.String({ description: 'Rises; hexadecimal.', examples: ['3e900000031'] }),
  path: Type.String({ description: 'As its records say.', examples: ['/docs/hello.txt'] }),
  placed: {
    ...Text,
    description: 'The file that it is now; null if there was no place for it.',
    examples: ['/lost+found/docs/hello.txt'],
  },
  size: Count,
  copies: Type.Integer({ minimum: 0, description: 'Servers on which its weakest part was found.' }),
  gap: { ...Text, description: 'What of it is missing, for people; null if nothing is known to be.' },
  atMs: WallMs,
})
export type SalvagedWrite = Static<typeof SalvagedWrite>

export const RecoveryView = Type.Object({
  recovery: Type.Union([
    Type.Object({
      begunMs: WallMs,
      copy: { ...Standing, description: 'Where the metadata was from which it was begun.' },
      seen: { ...Standing, description: 'The most that any server had seen.' },
      writes: Type.Integer({
        minimum: 0,
        description: 'Writes that were found in volumes and that the metadata did not know.',
      }),
      pending: Type.Integer({ minimum: 0, description: 'Those of them that have no name yet.' }),
      confirmedMs: Type.Union([WallMs, Type.Null()], {
        description: 'Null until somebody has confirmed it: before that nothing is deleted from any disk.',
      }),
    }),
    Type.Null(),
  ]),
  writes: Type.Array(SalvagedWrite, { description: 'The newest first; 100,000 are kept.' }),
  next: { ...Text, description: 'For `before` of the next page; null if this is the last.' },
})
export type RecoveryView = Static<typeof RecoveryView>

export interface RecoveryRequest {
  /** Writes below this id; null for the newest. */
  readonly before: number | null
  readonly writesMax: number
}
