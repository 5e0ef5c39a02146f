/** Requests and answers of the fake cluster, and what its routes need of it. */
import { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import {
  type ClusterStatusView,
  DfsError,
  type HealthView,
  type RecoveryView,
  type RepairView,
  type ServerView,
} from '@dfs/protocol'
import { type FakeBackup } from './backup.ts'
import { type Mishap } from './mishap.ts'
import { type FakeTree } from './tree.ts'

export interface FakeRequest {
  readonly server: number
  readonly isMaster: boolean
  readonly method: string
  readonly target: string
  readonly headers: IncomingHttpHeaders
  readonly request: IncomingMessage
  readonly mishap: Mishap | null
}

export interface FakeNodes {
  readonly health: HealthView
  readonly deleting: Pick<ClusterStatusView['totals'], 'volumesDeleting' | 'deletingOn'>
  readonly repairs: readonly RepairView[]
  readonly recovery: RecoveryView['recovery']
  readonly salvaged: RecoveryView['writes']
  readonly tree: FakeTree
  readonly backup: FakeBackup
  urlOf(server: number): string
  servers(): ServerView[]
}

export interface FakeReply {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  /** Bytes; or what is told as a problem, under headers of its own. */
  readonly body: Uint8Array | DfsError
  readonly trailers?: Readonly<Record<string, string>>
}

export const json = (status: number, value: unknown): FakeReply => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify(value)),
})

/** Resets the connection once `limit` bytes of the body have come. */
export async function bodyBytes(request: IncomingMessage, limit: number): Promise<Uint8Array> {
  const pieces: Buffer[] = []
  let count = 0
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      count += piece.byteLength
      if (count >= limit) request.socket.destroy()
      pieces.push(piece)
    }
  } catch (error) {
    throw new DfsError('LENGTH_MISMATCH', String(error))
  }
  return Buffer.concat(pieces)
}

export async function bodyJson(request: IncomingMessage): Promise<Record<string, string>> {
  return JSON.parse(Buffer.from(await bodyBytes(request, Infinity)).toString()) as Record<string, string>
}
