/** How it goes with copies that a chunk server is making on order: told with each heartbeat, kept nowhere but in memory. */
import Type, { type Static } from 'typebox'
import { COPY_SOURCES_MAX, LOST_RANGES_PER_JOB_MAX, PATH_BYTES_MAX } from '../limits.ts'

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

/**
 * - `waiting`: for its turn, for a source to answer, or for the disk; `why` says which
 * - `copying`: bytes are on their way
 * - `checking`: all that could be had is there; it is being read back
 * - `incomplete`: some records could be had from nobody; what is there is right, and stays. The server goes on trying as with
 *   any damaged copy, not as a job.
 * - `failed`: it will not be made here; the report of the copy says so as well
 */
export const CopyJobState = Type.Enum(['waiting', 'copying', 'checking', 'incomplete', 'failed'])
export type CopyJobState = Static<typeof CopyJobState>

export const CopyJob = Type.Object({
  volume: Id,
  replica: Id,
  state: CopyJobState,
  /** Why it waits, for people; null if it does not. */
  why: Type.Union([Type.String({ maxLength: 500 }), Type.Null()]),
  /** Of the log, up to the sealed length: what is right on the disk. Falls if what was written is found damaged. */
  bytesDone: Count,
  bytesTotal: Count,
  /** The server from which the last bytes came, or are expected; null before the first. */
  source: Type.Union([Id, Type.Null()]),
  /** What went wrong last, since this process began the job; `server` is whose fault it is, null if it is this server's own. */
  lastError: Type.Union([
    Type.Object({
      code: Type.String({ maxLength: 100 }),
      message: Type.String({ maxLength: 500 }),
      server: Type.Union([Id, Type.Null()]),
    }),
    Type.Null(),
  ]),
  /** Sources that have failed it, and how often in a row. One that gave right bytes since is not among them. */
  failures: Type.Array(Type.Object({ server: Id, tries: Count }), { maxItems: COPY_SOURCES_MAX }),
  /**
   * Records that no source has whole, the first ones, and how many bytes there are of them. `path` is that of the file when it was
   * written, as the record says; older programs do not tell it, nor is it known of a record whose header nobody has.
   */
  lost: Type.Array(
    Type.Object({
      at: Count,
      end: Count,
      path: Type.Optional(Type.String({ maxLength: PATH_BYTES_MAX })),
    }),
    { maxItems: LOST_RANGES_PER_JOB_MAX },
  ),
  lostBytes: Count,
})
export type CopyJob = Static<typeof CopyJob>
