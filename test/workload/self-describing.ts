/** Content that says what it is in every part, so that a mixture of two versions, or half of one, cannot pass for one. */
const LINE = /^([^ ]+) (\d+) of (\d+)\n/

/** `size` bytes (at least 100) that {@link valueOf} recognises. `value` has no space. */
export function contentOf(value: string, size: number): Uint8Array {
  const bytes = Buffer.alloc(size, ' ')
  for (let at = 0; at < size; at += 64) bytes.write(`${value} ${at} of ${size}\n`, at, 'latin1')
  return bytes
}

/** The value whose content these bytes are, whole. Throws where they are no such thing. */
export function valueOf(bytes: Uint8Array): string {
  const value = LINE.exec(Buffer.from(bytes.subarray(0, 64)).toString('latin1'))?.[1]
  if (value === undefined || Buffer.compare(contentOf(value, bytes.byteLength), bytes) !== 0) {
    throw new Error(`these ${bytes.byteLength} bytes are not one whole version: ${value ?? 'no value'}`)
  }
  return value
}

/** A value that names the size of its content as well; `write` is unique. */
export const valueOfSize = (write: string, size: number): string => `${write}:${Math.max(100, size)}`

/** The content that such a value stands for. */
export const contentOfValue = (value: string): Uint8Array =>
  contentOf(value, Number(value.slice(value.lastIndexOf(':') + 1)))

export interface Fetched {
  readonly bytes: Uint8Array
  readonly etag: string
}

/** The file at an address; redirects are followed. Throws for any answer but 200. */
export async function fetchAll(url: string): Promise<Fetched> {
  const response = await fetch(url)
  const bytes = await response.bytes()
  if (response.status !== 200)
    throw new Error(`GET ${url}: ${response.status} ${Buffer.from(bytes).toString()}`)
  return { bytes, etag: response.headers.get('etag') ?? '' }
}
