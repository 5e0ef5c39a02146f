/**
 * Writes that the master passes on: a client's PUT that came to the master, for a chunk server to carry out. The body is the
 * call's stream. Only a node can make such a call, so what it says of the caller is believed.
 */
import { concatBytes, fromUtf8, utf8 } from '@dfs/core'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { DfsError } from '../errors.ts'
import { parseFilePath } from '../path.ts'
import { type Method } from './method.ts'

/**
 * Names one attempt to have a write carried out, for ever: its commit is accepted only while the master that gave the ticket
 * out holds it open, so an attempt that was given up can never happen later.
 */
export interface WriteTicket {
  /** The master's epoch. */
  readonly epoch: number
  /** Counts up within the epoch, from 1. */
  readonly number: number
}

/** Whoever sent the request to the cluster. */
export interface Caller {
  /** Its IP address. */
  readonly address: string
  readonly scheme: 'http' | 'https'
  /** By which name it knows the node that it talks to. */
  readonly host: string
}

const Tags = Type.Union([Type.Null(), Type.Literal('*'), Type.Array(Type.Integer())])

const PassedWriteMessage = Type.Object({
  ticket: Type.Object({ epoch: Type.Integer({ minimum: 1 }), number: Type.Integer({ minimum: 1 }) }),
  leftMs: Type.Number({ minimum: 0 }),
  caller: Type.Union([
    Type.Null(),
    Type.Object({
      address: Type.String(),
      scheme: Type.Union([Type.Literal('http'), Type.Literal('https')]),
      host: Type.String(),
    }),
  ]),
  path: Type.String(),
  precondition: Type.Object({
    ifMatch: Tags,
    ifNoneMatch: Tags,
    mustCreate: Type.Boolean(),
    unmodifiedSinceMs: Type.Optional(Type.Number()),
  }),
  contentType: Type.String(),
  executable: Type.Boolean(),
  declaredSize: Type.Union([Type.Null(), Type.Integer({ minimum: 0 })]),
  key: Type.Optional(Type.String()),
  digests: Type.Array(
    Type.Object({
      algorithm: Type.Union([Type.Literal('sha-256'), Type.Literal('sha-512')]),
      value: Type.String(),
    }),
    { maxItems: 2 },
  ),
})

const PassedReplyMessage = Type.Object({
  info: Type.Object({
    kind: Type.Literal('file'),
    file: Type.Integer(),
    version: Type.Integer(),
    size: Type.Integer(),
    crc32: Type.Integer(),
    sha256: Type.Union([Type.Null(), Type.String()]),
    contentType: Type.String(),
    executable: Type.Boolean(),
    modifiedMs: Type.Number(),
    copies: Type.Integer(),
    zones: Type.Integer(),
  }),
  created: Type.Boolean(),
  operation: Type.Integer(),
  copies: Type.Integer(),
  zones: Type.Integer(),
  isReplay: Type.Boolean(),
})

const checkRequest = Compile(PassedWriteMessage)
const checkReply = Compile(PassedReplyMessage)

/** The write as the client asked for it. `leftMs` of its time are left, not counting what its body takes. */
export type PassedWrite = ReturnType<typeof decodeWrite>
export type PassedReply = ReturnType<typeof decodeReply>

/** Master to chunk server: store the stream as this file; answered as the client is to be. */
export const passWrite: Method<PassedWrite, PassedReply> = {
  route: 'POST /v1/writes',
  encodeRequest(write) {
    const digests = write.digests.map(({ algorithm, value }) => ({ algorithm, value: value.toBase64() }))
    return { params: {}, body: [utf8(JSON.stringify({ ...write, digests }))] }
  },
  decodeRequest: (_params, body) => decodeWrite(body),
  encodeReply(reply) {
    const { info } = reply
    const sha256 = info.sha256?.toBase64() ?? null
    return [utf8(JSON.stringify({ ...reply, info: { ...info, sha256 } }))]
  },
  decodeReply,
}

function decodeWrite(body: readonly Uint8Array[]) {
  const message: unknown = JSON.parse(fromUtf8(concatBytes(body)))
  if (!checkRequest.Check(message)) throw new DfsError('INVALID_REQUEST', 'not a write')
  const { path, digests, ...write } = message as Static<typeof PassedWriteMessage>
  return {
    ...write,
    path: parseFilePath(path),
    digests: digests.map(({ algorithm, value }) => ({ algorithm, value: Uint8Array.fromBase64(value) })),
  }
}

function decodeReply(body: readonly Uint8Array[]) {
  const message: unknown = JSON.parse(fromUtf8(concatBytes(body)))
  if (!checkReply.Check(message)) throw new DfsError('INTERNAL', 'not the answer to a write')
  const { info, ...reply } = message as Static<typeof PassedReplyMessage>
  const sha256 = info.sha256 === null ? null : Uint8Array.fromBase64(info.sha256)
  return { ...reply, info: { ...info, sha256 } }
}
