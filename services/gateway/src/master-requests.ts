/** Answers to the messages of the master port. None of them changes anything. */
import { type Log } from '@dfs/core'
import {
  encodePrimary,
  encodeReply,
  type LineEnding,
  LINE_REPLIES,
  type MasterRequest,
  type PrimaryAddress,
} from '@dfs/protocol'

/** Where clients find the chunk ports. */
export interface Advertised {
  /** Null: the address on which the client asked. */
  readonly host: string | null
  readonly ports: readonly number[]
  /** The port of the release rule `always`, which then stands for all others. */
  readonly releasePort: number | null
}

export interface MasterContext {
  /** Which chunk server is preferred, counted from 0; null if there is none. Rejects in time if nobody answers. */
  readonly findPrimary: () => Promise<number | null>
  readonly advertised: Advertised
  /** The address on which this client asked. */
  readonly localAddress: string
  readonly log: Log
}

export async function answerMaster(
  request: MasterRequest,
  ending: LineEnding,
  context: MasterContext,
): Promise<Uint8Array> {
  switch (request.verb) {
    case 'FIND_PRIMARY_SERVER':
      return encodePrimary(await primaryOf(context), ending)
    case 'REGISTER_CHUNK_SERVER':
      return isOwnPort(request, context)
        ? encodeReply(`${LINE_REPLIES.registered}:${request.id}`, ending)
        : encodeReply(LINE_REPLIES.registrationRefused, ending)
    case 'CHUNK_SERVER_INFO':
      return encodeReply(LINE_REPLIES.chunkServerInfo, ending)
    case 'HEARTBEAT':
      return encodeReply(LINE_REPLIES.heartbeat, ending)
  }
}

/** Storage that cannot be asked is storage that cannot be used: the client is told that there is none. */
async function primaryOf({
  findPrimary,
  advertised,
  localAddress,
  log,
}: MasterContext): Promise<PrimaryAddress | null> {
  const index = await findPrimary().catch((error: unknown) => {
    log.warn({ err: error }, 'the preferred chunk server could not be found out')
    return null
  })
  if (index === null) return null
  const { host, ports, releasePort } = advertised
  return { host: host ?? reachable(localAddress), port: releasePort ?? ports[index % ports.length]! }
}

/** The original clients speak IPv4 alone, and the gateway is there under both loopback addresses. */
const reachable = (localAddress: string): string => (localAddress === '::1' ? '127.0.0.1' : localAddress)

function isOwnPort(
  request: { readonly host: string; readonly port: number },
  { advertised, localAddress }: MasterContext,
): boolean {
  const isOwnHost = ['127.0.0.1', 'localhost', localAddress, advertised.host].includes(request.host)
  return isOwnHost && (advertised.ports.includes(request.port) || advertised.releasePort === request.port)
}
