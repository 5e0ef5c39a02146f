/** The check of all copies that an operator asks for: how far each server is with it, and what it has found damaged. */
import Type, { type Static } from 'typebox'
import { DAMAGED_PER_CHECK_MAX, PATH_BYTES_MAX } from '../limits.ts'
import { jsonMethod } from './method.ts'

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

/** A record of a copy that is not what was written. */
export const DamagedRecord = Type.Object({
  volume: Id,
  at: Count,
  end: Count,
  /** Of its file when it was written, as the record says. Not there if that is damaged as well. */
  path: Type.Optional(Type.String({ maxLength: PATH_BYTES_MAX })),
})
export type DamagedRecord = Static<typeof DamagedRecord>

/** The first ones that a server has found; older programs name none. */
const NamedDamage = Type.Optional(Type.Array(DamagedRecord, { maxItems: DAMAGED_PER_CHECK_MAX }))

/** How far one server is with reading all its copies. */
export const CheckProgress = Type.Object({
  /** Which check it is. */
  id: Id,
  copies: Count,
  bytesDone: Count,
  /** As it was at the beginning: copies that are open may grow meanwhile. */
  bytesTotal: Count,
  damagedRanges: Count,
  damaged: NamedDamage,
  isDone: Type.Boolean(),
})
export type CheckProgress = Static<typeof CheckProgress>

/** A check of all copies: each server reads every block that it has. */
export const CopyCheck = Type.Object({
  id: Id,
  /** By the master's wall clock. */
  startedMs: Count,
  /** Whether every server has read all, or cannot be reached. */
  isDone: Type.Boolean(),
  servers: Type.Array(
    Type.Object({
      server: Id,
      name: Type.String(),
      state: Type.Enum(['waiting', 'reading', 'done', 'unreachable']),
      copies: Count,
      bytesDone: Count,
      bytesTotal: Count,
      damagedRanges: Count,
      damaged: NamedDamage,
    }),
  ),
})
export type CopyCheck = Static<typeof CopyCheck>

/** Anybody to master: the check of all copies. `start` begins one unless it is under way; null if there was none. */
export const checkCopies = jsonMethod(
  'POST /v1/cluster/checks',
  Type.Object({ start: Type.Boolean() }),
  Type.Object({ check: Type.Union([CopyCheck, Type.Null()]) }),
)
