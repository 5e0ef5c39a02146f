/**
 * The grammar of the line protocol: the bytes of one message in, a request or the code of a refusal out. Where a message
 * ends is the decoder's business. The order of checks is fixed, so that a client can rely on the reply: UTF-8, verb and
 * parts first (INVALID_REQUEST), then the name (INVALID_PATH).
 */
import { fromUtf8 } from '@dfs/core'
import { DfsError, type ErrorCode } from '../errors.ts'
import { type FilePath, parseFilePath } from '../path.ts'
import { LENGTH_DIGITS_MAX } from './limits.ts'

/** Which half of the protocol a port speaks. A message of the other half is refused. */
export type LinePort = 'master' | 'files'

export type MasterRequest =
  | { readonly verb: 'FIND_PRIMARY_SERVER' }
  | {
      readonly verb: 'REGISTER_CHUNK_SERVER'
      readonly id: string
      readonly host: string
      readonly port: number
    }
  | { readonly verb: 'CHUNK_SERVER_INFO'; readonly id: string; readonly path: FilePath }
  | { readonly verb: 'HEARTBEAT'; readonly id: string }

export type FileRequest =
  | { readonly verb: 'CREATE_FILE' | 'READ_FILE' | 'DELETE_FILE'; readonly path: FilePath }
  | { readonly verb: 'READ_FILE_B64' | 'READ_FILE_LEN'; readonly path: FilePath }
  /** `content` is a view into the bytes that were received; for WRITE_FILE_B64 it is decoded already. */
  | { readonly verb: 'WRITE_FILE' | 'WRITE_FILE_B64'; readonly path: FilePath; readonly content: Uint8Array }
  /** Exactly `size` bytes follow the line. */
  | { readonly verb: 'WRITE_FILE_LEN'; readonly path: FilePath; readonly size: number }

export type LineRequest = MasterRequest | FileRequest

/** A request, or why it is none. */
export type ParsedLine = { readonly request: LineRequest } | { readonly code: ErrorCode }

const INVALID: ParsedLine = { code: 'INVALID_REQUEST' }

const MASTER_VERBS = ['REGISTER_CHUNK_SERVER', 'CHUNK_SERVER_INFO', 'HEARTBEAT']
const FILE_VERBS = [
  'CREATE_FILE',
  'READ_FILE',
  'DELETE_FILE',
  'WRITE_FILE',
  'READ_FILE_B64',
  'WRITE_FILE_B64',
  'READ_FILE_LEN',
  'WRITE_FILE_LEN',
]
const FIND = 'FIND_PRIMARY_SERVER'
const VERB_BYTES_MAX = Math.max(...[...MASTER_VERBS, ...FILE_VERBS].map((verb) => verb.length))

/** Parses one message without its ending. Time and memory are linear in its length. */
export function parseLine(bytes: Uint8Array, port: LinePort): ParsedLine {
  let text: string
  try {
    text = fromUtf8(bytes)
  } catch {
    return INVALID
  }
  try {
    const request = port === 'master' ? parseMaster(text) : parseFile(text, bytes)
    return request === null ? INVALID : { request }
  } catch (error) {
    if (error instanceof DfsError) return { code: error.code }
    throw error
  }
}

/** Whether `bytes` hold a verb as a whole, so that the sender is a program and not somebody typing. */
export function holdsVerb(bytes: Uint8Array): boolean {
  const head = asciiOf(bytes.subarray(0, Math.max(VERB_BYTES_MAX, FIND.length) + 1))
  const [verb, ...rest] = head.split(':')
  if (rest.length === 0) return head === FIND
  return MASTER_VERBS.includes(verb!) || FILE_VERBS.includes(verb!)
}

/**
 * The number of bytes that a WRITE_FILE_LEN line announces, or null if the line is of another kind. It looks at bytes
 * alone, so that the body of a line that is refused (its name, its port, not UTF-8) is never taken for messages.
 */
export function announcedSize(line: Uint8Array): number | null {
  const verb = 'WRITE_FILE_LEN:'
  if (asciiOf(line.subarray(0, verb.length)) !== verb) return null
  const colon = line.lastIndexOf(0x3a)
  if (colon < verb.length || line.length - colon - 1 > LENGTH_DIGITS_MAX) return null
  const digits = asciiOf(line.subarray(colon + 1))
  return /^[0-9]+$/.test(digits) ? Number(digits) : null
}

function parseMaster(text: string): MasterRequest | null {
  if (text === FIND) return { verb: FIND }
  const register = /^REGISTER_CHUNK_SERVER:([0-9]{1,9}):([A-Za-z0-9.-]+):([0-9]{1,5})$/.exec(text)
  if (register !== null) {
    const port = Number(register[3])
    if (port < 1 || port > 65535) return null
    return { verb: 'REGISTER_CHUNK_SERVER', id: register[1]!, host: register[2]!, port }
  }
  // The original's sender writes a comma here, its parser expects a colon.
  const info = /^CHUNK_SERVER_INFO:([0-9]{1,9})[,:](.*)$/s.exec(text)
  if (info !== null) return { verb: 'CHUNK_SERVER_INFO', id: info[1]!, path: parseName(info[2]!) }
  const heartbeat = /^HEARTBEAT:([0-9]{1,9})(?::[A-Za-z_-]{1,32})?$/.exec(text)
  return heartbeat === null ? null : { verb: 'HEARTBEAT', id: heartbeat[1]! }
}

function parseFile(text: string, bytes: Uint8Array): FileRequest | null {
  const verbEnd = text.indexOf(':')
  const verb = text.slice(0, Math.max(0, verbEnd))
  const rest = text.slice(verbEnd + 1)
  switch (verb) {
    case 'CREATE_FILE':
    case 'READ_FILE':
    case 'DELETE_FILE':
    case 'READ_FILE_B64':
    case 'READ_FILE_LEN':
      return { verb, path: parseName(rest) }
    case 'WRITE_FILE': {
      const nameEnd = rest.indexOf(':')
      if (nameEnd < 0) return null
      const contentAt = bytes.indexOf(0x3a, bytes.indexOf(0x3a) + 1) + 1
      return { verb, path: parseName(rest.slice(0, nameEnd)), content: bytes.subarray(contentAt) }
    }
    case 'WRITE_FILE_B64': {
      const nameEnd = rest.indexOf(':')
      const content = nameEnd < 0 ? null : parseBase64(rest.slice(nameEnd + 1))
      return content === null ? null : { verb, path: parseName(rest.slice(0, nameEnd)), content }
    }
    case 'WRITE_FILE_LEN': {
      const size = announcedSize(bytes)
      return size === null ? null : { verb, path: parseName(rest.slice(0, rest.lastIndexOf(':'))), size }
    }
    default:
      return null
  }
}

/** A name of the flat folder that the line protocol shows: one segment of a path, without separators of any system. */
function parseName(name: string): FilePath {
  if (/[/\\:]/.test(name)) throw new DfsError('INVALID_PATH', 'a name holds "/", "\\" or ":"')
  return parseFilePath(`/${name}`)
}

/** Base64 in its one canonical form, padding included; null for anything else. */
function parseBase64(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: 'strict' })
  } catch {
    return null
  }
}

const asciiOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes)
