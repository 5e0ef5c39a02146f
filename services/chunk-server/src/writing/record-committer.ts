/**
 * From content to a committed record: appended to an open volume, synced on every copy, named to the master, and decided.
 * If the volume ends in between, the same content goes to the next one: the bytes are kept until the request is
 * answered (R1).
 */
import { type Clock, type Deadlines } from '@dfs/core'
import {
  clientHasLeft,
  type CommandBody,
  type CommandResult,
  type CommandSuccess,
  DfsError,
  type RequestContext,
  requireSuccess,
  type VolumeKind,
} from '@dfs/protocol'
import { type SummedContent } from '@dfs/volume'
import { type CommitChannel } from '../master/commit-channel.ts'
import { type RecordOrigin } from '../replication/open-volume.ts'
import {
  type AppendedRecord,
  type AppendTarget,
  type VolumePool,
  type VolumeUser,
} from '../replication/volume-pool.ts'

/** Where a record goes, and what it is about. */
export interface RecordTarget {
  readonly kind: VolumeKind
  readonly user: VolumeUser
  readonly path: string
  /** Its first byte in the file. */
  readonly start: number
  readonly context: RequestContext
}

export interface RecordCommitterDeps {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly pool: VolumePool
  readonly commits: CommitChannel
}

/** The volume takes no commit any more: it was sealed, and may be deleted since. */
const VOLUME_ENDED: ReadonlySet<string> = new Set(['VOLUME_SEALED', 'VOLUME_NOT_FOUND'])
/** Refusals that have to do with where the record stands, not with what was asked. */
const PLACEMENT_REFUSALS: ReadonlySet<string> = new Set([...VOLUME_ENDED, 'OFFSET_CONFLICT'])

export class RecordCommitter {
  readonly #deps: RecordCommitterDeps

  constructor(deps: RecordCommitterDeps) {
    this.#deps = deps
  }

  /**
   * Appends content and submits the command that names it, until the master has decided. A volume that ended before the
   * commit, or a record that others have overtaken there, costs another round under a new number: the refusal is definite.
   * Throws the master's refusal, TIMEOUT_ERROR (unknown), and what `VolumePool.append` throws; by the deadline of the context.
   */
  async store(
    { kind, user, context, ...origin }: RecordTarget,
    content: SummedContent,
    command: (record: AppendedRecord) => CommandBody | Promise<CommandBody>,
  ): Promise<CommandSuccess> {
    const { clock, commits } = this.#deps
    const { deadlineMs } = context
    for (;;) {
      if (context.signal?.aborted === true) throw clientHasLeft()
      const number = commits.reserve()
      try {
        const target = { kind, user, deadlineMs, signal: context.signal }
        const record = await this.#append(target, { ...origin, requestNumber: number }, content)
        const result = await conclude(record, async () =>
          commits.submit(await command(record), number, context),
        )
        if (result.ok || !PLACEMENT_REFUSALS.has(result.code)) return requireSuccess(result)
        if (clock.monotonicMs() >= deadlineMs)
          throw new DfsError('COPY_ERROR', 'volumes keep ending before the commit')
      } finally {
        commits.release(number)
      }
    }
  }

  /** A record that is appended too late is garbage: nothing will refer to it. */
  #append(target: AppendTarget, origin: RecordOrigin, content: SummedContent): Promise<AppendedRecord> {
    const { pool, deadlines } = this.#deps
    const appending = pool.append(target, origin, content)
    return deadlines.within(target.deadlineMs, appending, () => {
      appending.then(
        (record) => record.conclude(false),
        () => undefined,
      )
      return new DfsError('COPY_ERROR', 'the copies were not made in time')
    })
  }
}

/** Tells the volume what became of its record, whichever way that ends. */
async function conclude(
  record: AppendedRecord,
  submit: () => Promise<CommandResult>,
): Promise<CommandResult> {
  let result: CommandResult
  try {
    result = await submit()
  } catch (error) {
    record.conclude(false)
    throw error
  }
  if (!result.ok && VOLUME_ENDED.has(result.code)) record.refuse(result.detail)
  // A replay refers to the record of an earlier request: this one is garbage.
  else record.conclude(result.ok && result.isReplay !== true)
  return result
}
