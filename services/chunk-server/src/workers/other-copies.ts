/**
 * The copies of a volume on other servers, as sources for the repair of this one. Who has one is the master's to say: the note
 * beside a copy names those that were to have one when the volume was made. Only if the master says nothing, because it
 * cannot be reached or its program is older than the question, the servers of the note are asked: their bytes are checked
 * like all others.
 */
import { concatBytes, type Log, type Transport, TransportError } from '@dfs/core'
import { callMethod, DfsError, findCopies, formatId, readBytes } from '@dfs/protocol'
import { type ReadInto } from '@dfs/volume'
import { type MasterSession } from '../master/master-session.ts'
import { type ServerDirectory } from '../master/server-directory.ts'
import { type VolumeCopy } from '../volume/volume-copy.ts'

/** What one call asks for: little enough that a repair does not keep readers waiting. */
const READ_BYTES = 1024 * 1024
const TIMEOUT_MS = 5000
const ASK_TIMEOUT_MS = 2000

export interface OtherCopiesDeps {
  readonly transport: Transport
  readonly session: Pick<MasterSession, 'callCurrent'>
  readonly directory: ServerDirectory
  readonly self: () => number
  readonly log: Log
}

/**
 * The best first, as the master ranks them, but those that answer before those that lately did not. A copy that cannot be read
 * has no bytes.
 */
export async function otherCopies(copy: VolumeCopy, deps: OtherCopiesDeps): Promise<ReadInto[]> {
  const { directory, self } = deps
  const { volume } = copy.state.order
  const unreachable = directory.unreachable()
  const servers = (await holdersOf(copy, deps)).filter((server) => server !== self())
  const inOrder = servers.toSorted(
    (a, b) => Number(unreachable.includes(a)) - Number(unreachable.includes(b)),
  )
  return inOrder.map((server) => async (at, buffer) => {
    let count = 0
    while (count < buffer.byteLength) {
      const part = buffer.subarray(count, count + READ_BYTES)
      const read = await readOnce(deps, { volume, server, offset: at + count, part })
      count += read
      if (read < part.byteLength) break
    }
    return count
  })
}

async function holdersOf({ state }: VolumeCopy, { session, log }: OtherCopiesDeps): Promise<number[]> {
  const { volume, replicas } = state.order
  try {
    const { copies } = await session.callCurrent(findCopies, { volume }, { timeoutMs: ASK_TIMEOUT_MS })
    // One that was lost may have turned up a moment ago: it is asked last.
    return copies.map(({ server }) => server)
  } catch (error) {
    if (!(error instanceof DfsError || error instanceof TransportError)) throw error
    if (error instanceof DfsError && error.code === 'VOLUME_NOT_FOUND') return []
    const fields = { volume: formatId(volume), err: error }
    log.warn(fields, 'the master does not say who has copies: those that were to have one are asked')
    return replicas.map(({ server }) => server)
  }
}

interface Part {
  readonly volume: number
  readonly server: number
  readonly offset: number
  readonly part: Uint8Array
}

async function readOnce(
  { transport, directory }: OtherCopiesDeps,
  { volume, server, offset, part }: Part,
): Promise<number> {
  try {
    const request = { volume, offset, size: part.byteLength }
    const address = directory.addressOf(server)
    const bytes = concatBytes(
      await callMethod(transport, address, readBytes, request, { timeoutMs: TIMEOUT_MS }),
    )
    part.set(bytes.subarray(0, part.byteLength))
    return Math.min(bytes.byteLength, part.byteLength)
  } catch (error) {
    if (error instanceof DfsError || error instanceof TransportError) return 0
    throw error
  }
}
