/**
 * What a chunk server writes down about itself, in its data directory: who it is, and how much of the master it has seen. It
 * stands there twice, since without it no copy on the disk can be served. Whoever reads a data directory knows its form.
 */
import { decodeCheckedJson, decodeUncheckedJson, encodeCheckedJson, type Sum } from '@dfs/core'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'

/** Written one after the other: the first one is never older than the second. */
export const IDENTITY_FILES = ['server.json', 'server-2.json'] as const

/** The same as a witness in a record's header (witness.ts). */
const WrittenWitness = Type.Object({
  counter: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  nonce: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  sequence: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
})

export const StoredIdentity = Type.Object(
  {
    formatVersion: Type.Literal(1),
    diskUid: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    incarnation: Type.Integer({ minimum: 1 }),
    clusterId: Type.Union([Type.String(), Type.Null()]),
    serverId: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
    seenEpoch: Type.Union([WrittenWitness, Type.Null()]),
  },
  { additionalProperties: false },
)
export type StoredIdentity = Static<typeof StoredIdentity>

const check = Compile(StoredIdentity)

export const encodeIdentity = (identity: StoredIdentity, crc32: Sum): Uint8Array =>
  encodeCheckedJson(identity, crc32)

/** The identity, or null if the bytes are not what a server wrote. */
export function parseIdentity(bytes: Uint8Array, crc32: Sum): StoredIdentity | null {
  // One of an earlier program has no checksum, and no member for it.
  const value = decodeCheckedJson(bytes, crc32) ?? decodeUncheckedJson(bytes)
  return check.Check(value) ? value : null
}
