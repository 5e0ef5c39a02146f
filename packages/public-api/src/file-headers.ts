/** What the head of a request says about the file that it writes, checked before a byte of the body is asked for. */
import { CONTENT_TYPE_BYTES_MAX, DfsError, FILE_BYTES_MAX, HEADERS } from '@dfs/protocol'
import { type IncomingHttpHeaders } from 'node:http'
import { parseBoolean } from './structured-field.ts'

const DEFAULT_CONTENT_TYPE = 'application/octet-stream'

/** Bytes are stored as they are sent, whole: no coding and no part. Throws UNSUPPORTED_ENCODING or INVALID_REQUEST. */
export function refuseCodings(headers: IncomingHttpHeaders): void {
  const coding = headers['content-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    throw new DfsError('UNSUPPORTED_ENCODING', 'Content-Encoding must be left out')
  }
  // RFC 9110 §14.5: a server that does not know partial PUT must not store a part as the whole.
  if (headers['content-range'] !== undefined) {
    throw new DfsError('INVALID_REQUEST', 'Content-Range: a file is written whole')
  }
}

export interface WriteAttributes {
  readonly contentType: string
  readonly executable: boolean
}

/** Throws INVALID_REQUEST. */
export function writeAttributes(headers: IncomingHttpHeaders): WriteAttributes {
  const contentType = headers['content-type'] ?? DEFAULT_CONTENT_TYPE
  if (contentType.length > CONTENT_TYPE_BYTES_MAX || !/^[\u0020-\u007e]+$/.test(contentType)) {
    throw new DfsError(
      'INVALID_REQUEST',
      `Content-Type has up to ${CONTENT_TYPE_BYTES_MAX} visible ASCII characters`,
    )
  }
  return { contentType, executable: parseBoolean('Dfs-Executable', headers[HEADERS.executable], false) }
}

/** Throws PAYLOAD_TOO_LARGE. */
export function checkDeclaredSize(size: number | null): void {
  if (size !== null && size > FILE_BYTES_MAX) {
    throw new DfsError('PAYLOAD_TOO_LARGE', `a file has at most ${FILE_BYTES_MAX} bytes`)
  }
}
