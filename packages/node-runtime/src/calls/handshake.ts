/**
 * How a connection for calls begins: `GET /v1/calls` on the listener between nodes, with an upgrade to {@link PROTOCOL}, and
 * the proofs of call-proof.ts. It is ordinary HTTP up to the 101, so that whatever else listens at an address, or talks to
 * ours, gets an answer that it understands.
 */
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { type Duplex } from 'node:stream'
import { type Socket } from 'node:net'
import { concatBytes, TransportError, utf8, type WireReply } from '@dfs/core'
import { DfsError, type ErrorCode, ERRORS } from '@dfs/protocol'
import { type CallProof, type Offer } from './call-proof.ts'

const PATH = '/v1/calls'
/** The name of the frames of frame.ts; another layout gets another name. */
const PROTOCOL = 'dfs-calls-1'
const PROOF_HEADER = 'dfs-cluster-proof'
const PROBLEM_TYPE = 'application/problem+json'
/** The caller's last word: a MAC in base64url and a line feed. */
export const CONFIRMATION_BYTES = 44

const WITHIN_MS = 2000
const REFUSAL_BYTES_MAX = 64 * 1024

/**
 * An upgraded connection, proven on both sides, and what the peer has sent behind its answer. It may have broken since: whoever
 * takes it over looks whether it is destroyed.
 */
export interface Opened {
  readonly socket: Socket
  readonly first: Uint8Array
}

/** Thrown if the peer is a node that refuses: its answer is the answer to whoever wanted to call. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  readonly reply: WireReply

  constructor(reply: WireReply) {
    super('the peer refuses the connection')
    this.reply = reply
  }
}

/** The calling side. Rejects with {@link RefusedError} or a TransportError; nothing was sent then. */
export function openConnection(address: string, proof: CallProof, signal: AbortSignal): Promise<Opened> {
  const { promise, resolve, reject } = Promise.withResolvers<Opened>()
  const offer = proof.offer()
  const fail = (reason: string, cause?: unknown): void =>
    reject(new TransportError(`${address}: ${reason}`, { wasSent: false, cause }))
  try {
    const request = httpRequest(`http://${address}${PATH}`, {
      agent: false,
      headers: { connection: 'Upgrade', upgrade: PROTOCOL, [PROOF_HEADER]: offer.proof },
      timeout: WITHIN_MS,
      signal,
    })
    request.on('timeout', () => request.destroy(new Error(`no connection within ${WITHIN_MS} ms`)))
    request.on('error', (error) => fail(error.message === '' ? error.name : error.message, error))
    request.on('response', (response) => void refusalOf(response).then(reject, reject))
    request.on('upgrade', (response, duplex, first) => {
      const socket = duplex as Socket
      const peerNonce = proof.acceptAnswer(offer.nonce, headerOf(response, PROOF_HEADER))
      if (peerNonce === null) {
        socket.destroy()
        fail('the peer does not prove knowledge of the cluster key')
        return
      }
      socket.setTimeout(0)
      socket.setNoDelay(true)
      // Until its user listens, nobody else does, and an error without a listener would end the process.
      socket.on('error', (error) => fail(error.message, error))
      socket.write(`${proof.confirm(offer.nonce, peerNonce)}\n`, (error) => {
        if (error instanceof Error) fail(error.message, error)
        else resolve({ socket, first })
      })
    })
    request.end()
  } catch (error) {
    fail('not an address', error)
  }
  return promise
}

async function refusalOf(response: IncomingMessage): Promise<Error> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of response as AsyncIterable<Uint8Array>) {
    pieces.push(piece)
    size += piece.byteLength
    if (size > REFUSAL_BYTES_MAX) break
  }
  if (headerOf(response, 'content-type') === PROBLEM_TYPE)
    return new RefusedError({ ok: false, body: pieces })
  return new TransportError(`an answer with status ${response.statusCode} that no node gives`, {
    wasSent: false,
  })
}

/** The answering side: writes the 101 and returns both nonces, or writes why not and returns null. */
export function answerUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  proof: CallProof,
): { readonly caller: string; readonly own: Offer } | null {
  const isCall = request.method === 'GET' && request.url === PATH && headerOf(request, 'upgrade') === PROTOCOL
  const caller = isCall ? proof.acceptOffer(headerOf(request, PROOF_HEADER)) : null
  if (caller === null) {
    const error = new DfsError('ACCESS_DENIED', 'the caller does not prove knowledge of the cluster key')
    const body = concatBytes(errorReply(error.code, error.detail).body)
    const { status } = ERRORS[error.code]
    socket.write(
      `HTTP/1.1 ${status} Refused\r\nconnection: close\r\ncontent-type: ${PROBLEM_TYPE}\r\ncontent-length: ${body.byteLength}\r\n\r\n`,
    )
    socket.end(body)
    return null
  }
  const own = proof.answer(caller)
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${PROTOCOL}\r\n${PROOF_HEADER}: ${own.proof}\r\n\r\n`,
  )
  return { caller, own }
}

/** The body that the protocol's `decodeError` reads. */
export const errorReply = (code: ErrorCode, detail: string): WireReply => ({
  ok: false,
  body: [utf8(JSON.stringify({ code, detail }))],
})

function headerOf(message: IncomingMessage, name: string): string | undefined {
  const value = message.headers[name]
  return Array.isArray(value) ? value[0] : value
}
