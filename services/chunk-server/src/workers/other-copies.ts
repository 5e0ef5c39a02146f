/** The copies of a volume on other servers, as sources for the repair of this one. */
import { concatBytes, type Transport, TransportError } from '@dfs/core'
import { callMethod, DfsError, readBytes } from '@dfs/protocol'
import { type ReadInto } from '@dfs/volume'
import { type ServerDirectory } from '../master/server-directory.ts'
import { type VolumeCopy } from '../volume/volume-copy.ts'

/** What one call asks for: little enough that a repair does not keep readers waiting. */
const READ_BYTES = 1024 * 1024
const TIMEOUT_MS = 5000

export interface OtherCopiesDeps {
  readonly transport: Transport
  readonly directory: ServerDirectory
  readonly self: () => number
}

/** Those that answer before those that lately did not. A copy that cannot be read has no bytes. */
export function otherCopies(copy: VolumeCopy, { transport, directory, self }: OtherCopiesDeps): ReadInto[] {
  const { volume, replicas } = copy.state.order
  const unreachable = directory.unreachable()
  const servers = replicas.map(({ server }) => server).filter((server) => server !== self())
  const inOrder = servers.toSorted(
    (a, b) => Number(unreachable.includes(a)) - Number(unreachable.includes(b)),
  )
  const readOnce = async (server: number, offset: number, part: Uint8Array): Promise<number> => {
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
  return inOrder.map((server) => async (at, buffer) => {
    let count = 0
    while (count < buffer.byteLength) {
      const part = buffer.subarray(count, count + READ_BYTES)
      const read = await readOnce(server, at + count, part)
      count += read
      if (read < part.byteLength) break
    }
    return count
  })
}
