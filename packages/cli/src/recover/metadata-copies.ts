/**
 * The copies of the metadata that chunk servers hold, and the newest of them made a database again. The newest is the one whose last
 * piece is, however long others are. What turns out to be damaged counts up to there, and the next best is looked at.
 */
import { join } from 'node:path'
import { type Transport, TransportError } from '@dfs/core'
import { areTwoHistories, comparePositions, describePosition, rankCopies, readCopy } from '@dfs/metadata-copy'
import { crc32, zstd } from '@dfs/node-runtime'
import { callMethod, DfsError, type Epoch, readMetadataCopy, viewMetadataCopy } from '@dfs/protocol'
import { replayCopy } from '../local/replayed-copy.ts'
import { type Answered } from './history.ts'

const VIEW_TIMEOUT_MS = 10_000
const READ_TIMEOUT_MS = 60_000

/** A server with the copy that it has. */
export interface HeldMetadata {
  readonly name: string
  readonly address: string
  readonly clusterId: string
  readonly snapshot: Epoch
  readonly position: Epoch
  /** What its server found damaged, for people. */
  readonly damage: string | null
}

/** A copy that was fetched, and what became of it. */
export interface Tried {
  readonly held: HeldMetadata
  readonly position: Epoch | null
  readonly bytes: number
  readonly damage: string | null
}

export interface Rebuilt {
  /** The database, closed. */
  readonly file: string
  readonly from: HeldMetadata
  readonly position: Epoch
  /** All that were fetched, in order. */
  readonly tried: readonly Tried[]
  readonly copies: readonly HeldMetadata[]
}

/** Asks each server for its copy. Throws UNAVAILABLE for a program that is too old to hold one. */
export async function findCopies(
  transport: Transport,
  answered: readonly Answered[],
): Promise<HeldMetadata[]> {
  const found = await Promise.all(
    answered.map(async ({ server: { name, internalAddress: address } }) => {
      const view = await viewAt(transport, address, name)
      if (view === null) return []
      const { clusterId, state } = view
      const { snapshot, position, damage } = state
      if (clusterId === null || snapshot === null || position === null) return []
      return [{ name, address, clusterId, snapshot, position, damage }]
    }),
  )
  return found.flat()
}

/** The newest copy of this cluster that has more than `own`, for whoever begins from something else; null if there is none. */
export async function newerCopy(
  transport: Transport,
  answered: readonly Answered[],
  own: { readonly clusterId: string; readonly epoch: Epoch },
): Promise<HeldMetadata | null> {
  const found = await Promise.all(
    answered.map((one) =>
      findCopies(transport, [one]).catch((error: unknown) => {
        // Who cannot say has none that could be taken.
        if (error instanceof DfsError) return []
        throw error
      }),
    ),
  )
  const copies = found.flat().filter(({ clusterId }) => clusterId === own.clusterId)
  const [newest] = rankCopies(copies)
  return newest !== undefined && comparePositions(newest.position, own.epoch) > 0 ? newest : null
}

async function viewAt(transport: Transport, address: string, name: string) {
  try {
    return await callMethod(transport, address, viewMetadataCopy, {}, { timeoutMs: VIEW_TIMEOUT_MS })
  } catch (error) {
    if (error instanceof TransportError) return null
    // One with an older program never was a holder.
    if (error instanceof DfsError && error.code === 'ROUTE_NOT_FOUND') return null
    throw new DfsError('UNAVAILABLE', `${name} cannot say what it has of the metadata: ${whyOf(error)}`, {
      cause: error,
    })
  }
}

/**
 * The copies in the order in which they are to be tried. Throws UNAVAILABLE if there is none, WRONG_CLUSTER if they are of two
 * clusters, INVALID_REQUEST if they are of two histories and nobody has said which; `from` names the server whose copy it is to be.
 */
export function orderCopies(copies: readonly HeldMetadata[], from: string | null): HeldMetadata[] {
  if (copies.length === 0) {
    throw new DfsError(
      'UNAVAILABLE',
      'no server that answers has a whole copy of the metadata: start the other servers, name one of them by --server, or take a backup by --backup FILE',
    )
  }
  const [first] = copies as [HeldMetadata]
  const foreign = copies.find(({ clusterId }) => clusterId !== first.clusterId)
  if (foreign !== undefined) {
    throw new DfsError(
      'WRONG_CLUSTER',
      `${first.name} has the metadata of cluster ${first.clusterId}, ${foreign.name} of ${foreign.clusterId}: name servers of one cluster`,
    )
  }
  if (from !== null) {
    const chosen = copies.filter(({ name }) => name === from)
    if (chosen.length === 1) return chosen
    const names = copies.map(({ name }) => name).join(', ')
    throw new DfsError(
      'INVALID_REQUEST',
      `${from} has no whole copy of the metadata; these have one: ${names}`,
    )
  }
  const ranked = rankCopies(copies)
  const [newest] = ranked as [HeldMetadata]
  const other = ranked.find(({ position }) => isOfOtherHistory(newest.position, position))
  if (other === undefined) return ranked
  throw new DfsError(
    'INVALID_REQUEST',
    `the copies are of two histories: ${newest.name} has ${describePosition(newest.position)}, ${other.name} has ${describePosition(other.position)}, and none of them goes on from the other. Decide which one goes on, and name its server by --from NAME; what only the other has is given up`,
  )
}

/** A later start knows all transactions of the earlier ones; one that does not has begun on an old copy. */
const isOfOtherHistory = (newest: Epoch, other: Epoch): boolean =>
  areTwoHistories(newest, other) || (newest.counter > other.counter && newest.sequence < other.sequence)

/** The best of the copies as a database in `directory`. Throws UNAVAILABLE if none of them can be used. */
export async function rebuild(
  transport: Transport,
  ordered: readonly HeldMetadata[],
  directory: string,
): Promise<Rebuilt> {
  const tried: Tried[] = []
  let best: { readonly file: string; readonly from: HeldMetadata; readonly position: Epoch } | null = null
  for (const [index, held] of ordered.entries()) {
    // What the next one claims is no more than what is there.
    if (best !== null && comparePositions(held.position, best.position) <= 0) break
    const file = join(directory, `copy-${index + 1}.db`)
    const { clusterId } = held
    const source = new CopySource(transport, held)
    const options = { clusterId, crc32, compression: zstd }
    const { position, bytes, damage } = await replayCopy(readCopy(source.pieces(), options), file)
    const why = source.failure ?? damage ?? shortOf(held.position, position)
    tried.push({ held, position, bytes, damage: why })
    if (position === null) continue
    if (best === null || comparePositions(position, best.position) > 0) best = { file, from: held, position }
  }
  if (best !== null) return { ...best, tried, copies: ordered }
  throw new DfsError(
    'UNAVAILABLE',
    `no copy of the metadata is usable: ${tried.map(({ held, damage }) => `${held.name}: ${damage}`).join('; ')}. Start the other servers, or take a backup by --backup FILE`,
  )
}

const shortOf = (claimed: Epoch, reached: Epoch | null): string | null =>
  reached !== null && comparePositions(reached, claimed) < 0
    ? `it ends at ${describePosition(reached)}, and its server said ${describePosition(claimed)}`
    : null

/** The bytes of a copy, fetched one call after the other. A server that fails midway ends it there. */
class CopySource {
  failure: string | null = null
  readonly #transport: Transport
  readonly #held: HeldMetadata

  constructor(transport: Transport, held: HeldMetadata) {
    this.#transport = transport
    this.#held = held
  }

  async *pieces(): AsyncGenerator<Uint8Array> {
    for (let from = 0; ;) {
      const pieces = await this.#read(from)
      const bytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
      if (bytes === 0) return
      yield* pieces
      from += bytes
    }
  }

  async #read(from: number): Promise<readonly Uint8Array[]> {
    const { address, snapshot, name } = this.#held
    try {
      const request = { snapshot, from }
      const timeoutMs = READ_TIMEOUT_MS
      return (await callMethod(this.#transport, address, readMetadataCopy, request, { timeoutMs })).frames
    } catch (error) {
      if (!(error instanceof TransportError || error instanceof DfsError)) throw error
      this.failure = `${name} failed at byte ${from} of its copy: ${error.message}`
      return []
    }
  }
}

const whyOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
