/** Files as a client of the simulated cluster sees them: whole contents in and out of any chunk server. */
import { type ChunkServer } from '@dfs/chunk-server'
import { type Clock, concatBytes } from '@dfs/core'
import { openContext, parseFilePath, type RequestContext } from '@dfs/protocol'
import { type SimRandom } from '@dfs/sim-runtime'

type Files = ChunkServer['files']
type WriteRequest = Parameters<Files['write']>[0]
type WriteReply = Awaited<ReturnType<Files['write']>>

const UNCONDITIONAL = { ifMatch: null, ifNoneMatch: null, mustCreate: false }
/** Bodies arrive in pieces of about this size, as from a socket. */
const PIECE_BYTES = 64 * 1024

/** The context of a request that comes to this node now. */
export const contextAt = ({ clock }: { readonly clock: Clock }): RequestContext =>
  openContext(clock, 'simulated')

/** The operation that wrote the file. */
export async function putFile(server: ChunkServer, path: string, content: Uint8Array): Promise<number> {
  const { operation } = await writeFile(server, path, content)
  return operation
}

export function writeFile(
  server: ChunkServer,
  path: string,
  content: Uint8Array,
  change: Partial<WriteRequest> = {},
): Promise<WriteReply> {
  let at = 0
  const body = {
    next: async () => {
      if (at >= content.byteLength) return null
      const piece = content.subarray(at, at + PIECE_BYTES)
      at += piece.byteLength
      return piece
    },
  }
  const request = {
    path: parseFilePath(path),
    precondition: UNCONDITIONAL,
    contentType: 'application/octet-stream',
    executable: false,
    declaredSize: content.byteLength,
    digests: [],
    ...change,
  }
  return server.files.write(request, body, contextAt(server))
}

export async function getFile(server: ChunkServer, path: string): Promise<Uint8Array> {
  const file = await server.files.read({ path: parseFilePath(path), version: null }, contextAt(server))
  const pieces: Uint8Array[] = []
  // A piece is only lent until the next one is asked for.
  for await (const piece of file.stream(null)) pieces.push(piece.slice())
  return concatBytes(pieces)
}

/** Content that no other file has. */
export function randomContent(random: SimRandom, bytesMax: number): Uint8Array {
  return random.bytes(random.int(bytesMax + 1))
}
