/**
 * The structured fields (RFC 9651) that files travel with: digests as a client sends them (RFC 9530), the receipt of a
 * write, and the executable bit.
 *
 * Digests of algorithms that are not known here are ignored, as RFC 9530 says. A field that does not parse is refused
 * with 400 rather than ignored: who sends a digest wants it checked, and silence would pass for a check.
 */
import { DfsError, type ExpectedDigest, type FoundFile } from '@dfs/protocol'
import { type IncomingHttpHeaders } from 'node:http'

const DIGEST_BYTES = Object.freeze({ 'sha-256': 32, 'sha-512': 64 })
type Algorithm = keyof typeof DIGEST_BYTES

/** One member of a dictionary of byte sequences, its parameters dropped. */
const MEMBER =
  /^[ \t]*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):(?:;[ ]*[a-z*][a-z0-9_.*-]*(?:=[^,;"]*)?)*[ \t]*$/

/** What a dictionary of digests looks like, for the document. */
export const DIGESTS_PATTERN = `^${MEMBER.source.slice(1, -1)}(?:,${MEMBER.source.slice(1, -1)})*$`
export const BOOLEAN_PATTERN = '^\\?[01]$'

const NONE: readonly ExpectedDigest[] = Object.freeze([])

/**
 * The digests to check the content against. `Content-Digest` and `Repr-Digest` are over the same bytes here, since
 * there is neither a content coding nor a partial PUT. Throws INVALID_REQUEST if one is malformed, DIGEST_MISMATCH
 * if the two contradict each other.
 */
export function expectedDigests(headers: IncomingHttpHeaders): readonly ExpectedDigest[] {
  const { 'content-digest': content, 'repr-digest': repr } = headers
  if (content === undefined && repr === undefined) return NONE
  const digests = new Map<Algorithm, Uint8Array>()
  for (const field of [content, repr]) {
    for (const [algorithm, value] of parseDigests(field)) {
      const other = digests.get(algorithm)
      if (other !== undefined && Buffer.compare(other, value) !== 0) {
        throw new DfsError('DIGEST_MISMATCH', 'Content-Digest and Repr-Digest contradict each other')
      }
      digests.set(algorithm, value)
    }
  }
  return Array.from(digests, ([algorithm, value]) => ({ algorithm, value }))
}

function parseDigests(field: string | string[] | undefined): Map<Algorithm, Uint8Array> {
  const digests = new Map<Algorithm, Uint8Array>()
  if (field === undefined) return digests
  for (const member of String(field).split(',')) {
    const match = MEMBER.exec(member)
    if (match === null) throw new DfsError('INVALID_REQUEST', 'a digest looks like sha-256=:base64:')
    const [, name = '', text = ''] = match
    if (!isAlgorithm(name)) continue
    const value = Buffer.from(text, 'base64')
    if (value.byteLength !== DIGEST_BYTES[name]) {
      throw new DfsError('INVALID_REQUEST', `a digest of ${name} has ${DIGEST_BYTES[name]} bytes`)
    }
    // In a dictionary the last member of a name counts.
    digests.set(name, value)
  }
  return digests
}

const isAlgorithm = (name: string): name is Algorithm => Object.hasOwn(DIGEST_BYTES, name)

/** `sha-256=:…:` */
export const formatSha256 = (value: Uint8Array): string => `sha-256=:${base64(value)}:`

export interface Receipt {
  readonly copies: number
  readonly zones: number
  readonly crc32: number
  /** Of how many chunks, from the first one on, the copies were counted, if there are more; null if of all. */
  readonly firstChunks: number | null
}

/**
 * `copies=3, fsynced=3, zones=1, crc32=:AAAAAA==:`, the checksum as four bytes in network order. If not all chunks were
 * counted it begins with `copies=3;first-chunks=64`.
 */
export function formatReceipt({ copies, zones, crc32, firstChunks }: Receipt): string {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(crc32)
  const ofChunks = firstChunks === null ? '' : `;first-chunks=${firstChunks}`
  return `copies=${copies}${ofChunks}, fsynced=${copies}, zones=${zones}, crc32=:${bytes.toString('base64')}:`
}

/**
 * What a read says: the copies that are good now. A file without bytes has none, and none to lose; its receipt stays that of its
 * commit. So does that of any file if the master is too old to say more.
 */
export function receiptOfRead({ info, now }: Pick<FoundFile, 'info' | 'now'>): Receipt {
  const { copies, zones, firstChunks } = now ?? { ...info, firstChunks: null }
  return { copies, zones, crc32: info.crc32, firstChunks }
}

/** The value of a boolean item; `absent` if there is none. Throws INVALID_REQUEST, which names `header`. */
export function parseBoolean(header: string, field: string | string[] | undefined, absent: boolean): boolean {
  if (field === undefined) return absent
  if (field === '?1') return true
  if (field === '?0') return false
  throw new DfsError('INVALID_REQUEST', `${header} is ?1 or ?0`)
}

export const formatBoolean = (value: boolean): string => (value ? '?1' : '?0')

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
