/** Just enough of an HTTP/1.1 response head to know whether it is good and where the body ends. Pure. */

export interface ResponseHead {
  readonly status: number
  readonly contentLength: number
  /** Bytes of the head, its empty line included. */
  readonly headBytes: number
  readonly text: string
}

const HEAD_END = '\r\n\r\n'
const HEAD_BYTES_MAX = 16 * 1024

/** Null while the head is not complete. Throws on what this load generator does not understand. */
export function parseResponseHead(bytes: Buffer): ResponseHead | null {
  const end = bytes.indexOf(HEAD_END)
  if (end === -1) {
    if (bytes.length > HEAD_BYTES_MAX) throw new Error('the head of a response is too long')
    return null
  }
  const text = bytes.toString('latin1', 0, end)
  const status = Number(text.slice(9, 12))
  if (!text.startsWith('HTTP/1.1 ') || !(status >= 100))
    throw new Error(`not an HTTP/1.1 response: ${text.slice(0, 80)}`)
  return { status, contentLength: contentLengthOf(text, status), headBytes: end + HEAD_END.length, text }
}

export function headerOf(text: string, name: string): string | null {
  return new RegExp(`\\r\\n${name}: *([^\\r]*)`, 'i').exec(text)?.[1] ?? null
}

function contentLengthOf(text: string, status: number): number {
  if (status === 204 || status === 304) return 0
  const length = headerOf(text, 'content-length')
  if (length === null) throw new Error(`a response without Content-Length: ${text.slice(0, 200)}`)
  return Number(length)
}
