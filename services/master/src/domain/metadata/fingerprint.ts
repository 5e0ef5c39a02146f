/**
 * What a client asked for, as sixteen bytes: method, path, preconditions, and of a file its attributes, size and checksums.
 * Where the bytes were stored is not part of it: a repeated request has stored them somewhere else.
 */
import { type KeyedCommand, type Precondition } from '@dfs/protocol'
import { unreachable } from '@dfs/core'

const FINGERPRINT_BYTES = 16

/** SHA-256 of a text. */
export type Digest = (text: string) => Uint8Array

export const fingerprintOf = (command: KeyedCommand, digest: Digest): Uint8Array =>
  digest(JSON.stringify(askedBy(command))).subarray(0, FINGERPRINT_BYTES)

/** The members in a fixed order, whoever has made the command. */
function askedBy(command: KeyedCommand): readonly unknown[] {
  switch (command.kind) {
    case 'write': {
      const { path, precondition, contentType, executable, size, crc32, sha256 } = command
      const content = [contentType, executable, size, crc32, sha256?.toHex() ?? null]
      return [command.kind, path, conditions(precondition), content]
    }
    case 'delete':
      return [command.kind, command.path, conditions(command.precondition)]
    case 'move':
      return [command.kind, command.from, command.to]
    case 'makeDirectory':
      return [command.kind, command.path]
    case 'deleteDirectory':
      return [command.kind, command.path, command.recursive]
    case 'link':
      return [command.kind, command.path, command.target]
    default:
      return unreachable(command)
  }
}

const conditions = (precondition: Precondition): readonly unknown[] => {
  const { ifMatch, ifNoneMatch, mustCreate, unmodifiedSinceMs } = precondition
  return [ifMatch, ifNoneMatch, mustCreate, unmodifiedSinceMs ?? null]
}
