/** What is seen of the metadata's copies: by whoever asks for health, the status or numbers. */
import { type MetadataCopiesView } from '@dfs/protocol'

export interface HolderFacts {
  readonly server: number
  readonly name: string
  /** Whether it has synced one whole copy. */
  readonly isWhole: boolean
  /** For how long there has been something that it lacks, as far as this start of the master knows; null if there is no whole copy. */
  readonly ageMs: number | null
  /** Frames of change sets that it has not confirmed; null if a snapshot has to come first. */
  readonly bytesBehind: number | null
}

export interface CopiesFacts {
  /** The set that counts. */
  readonly holders: readonly HolderFacts[]
  /** For how long fewer of them than there are to be have had a whole copy: 0 if it is not so. */
  readonly fewForMs: number
  /** For how long there has been something that most of them lack: 0 if there is nothing. Null if none has a whole copy. */
  readonly ageMs: number | null
  /** What most of them have not confirmed. */
  readonly bytesBehind: number
  /** Why nothing is acknowledged; null if it is. */
  readonly fenced: string | null
  /** Since the start: frames sent to all holders, and snapshots that were made. */
  readonly bytesSent: number
  readonly snapshots: number
}

export const viewOfCopies = (
  { holders, ageMs, bytesBehind }: CopiesFacts,
  wanted: number,
): MetadataCopiesView => ({
  wanted,
  holders: holders.map(({ name, isWhole, ageMs: age }) => ({ name, isWhole, ageMs: whole(age) })),
  ageMs: whole(ageMs),
  bytesBehind,
})

const whole = (ms: number | null): number | null => (ms === null ? null : Math.floor(ms))
