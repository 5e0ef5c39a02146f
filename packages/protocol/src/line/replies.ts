/**
 * Replies of the line protocol as bytes. Failures come from the error catalogue's `line` field; the tokens below are
 * those that only this protocol has. A reply ends the way its request ended.
 */
import { concatBytes, utf8 } from '@dfs/core'
import { ERRORS, type ErrorCode } from '../errors.ts'

/** How a message ended: with LF, with CRLF, or with silence. */
export type LineEnding = '' | '\n' | '\r\n'

export const LINE_REPLIES = Object.freeze({
  created: 'FILE_CREATED',
  written: 'FILE_WRITTEN',
  deleted: 'FILE_DELETED',
  notText: 'FILE_NOT_TEXT_ERROR',
  tooLong: 'MESSAGE_TOO_LONG_ERROR',
  heartbeat: 'HEARTBEAT_RECEIVED',
  chunkServerInfo: 'CHUNK_SERVER_INFO_RECEIVED',
  registered: 'CHUNK_SERVER_REGISTERED',
  registrationRefused: 'REGISTRATION_REFUSED_ERROR',
  primary: 'PRIMARY_SERVER_INFO',
  content: 'FILE_CONTENT',
  contentBase64: 'FILE_CONTENT_B64',
  contentLength: 'FILE_CONTENT_LEN',
})

/** Two bytes, not valid UTF-8, that end the second reader of an original client; a telnet takes them for "no operation". */
export const RELEASE_BYTES: Uint8Array = Uint8Array.of(0xff, 0xf1)

/** The content that a file has after CREATE_FILE, as the original wrote it. */
export const CREATED_CONTENT: Uint8Array = utf8('File created')

/** The token that says this failure. */
export const lineTokenOf = (code: ErrorCode): string => ERRORS[code].line

/** A reply without data. */
export const encodeReply = (token: string, ending: LineEnding): Uint8Array => utf8(token + ending)

/** `PRIMARY_SERVER_INFO:` with an address, or with the text that the original sends when it has none. */
export function encodePrimary(address: PrimaryAddress | null, ending: LineEnding): Uint8Array {
  const data = address === null ? 'No primary server selected yet.' : `${address.host},${address.port}`
  return utf8(`${LINE_REPLIES.primary}:${data}${ending}`)
}

export interface PrimaryAddress {
  readonly host: string
  readonly port: number
}

/** `FILE_CONTENT:` and the bytes as they are; they may hold LF. */
export const encodeContent = (content: Uint8Array, ending: LineEnding): Uint8Array =>
  concatBytes([utf8(`${LINE_REPLIES.content}:`), content, utf8(ending)])

export const encodeContentBase64 = (content: Uint8Array, ending: LineEnding): Uint8Array =>
  utf8(`${LINE_REPLIES.contentBase64}:${content.toBase64()}${ending}`)

/** The head of a reply whose `size` bytes and `ending` the sender adds. */
export const encodeContentLength = (size: number): Uint8Array =>
  utf8(`${LINE_REPLIES.contentLength}:${size}\n`)
