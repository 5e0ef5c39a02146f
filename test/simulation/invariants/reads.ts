/**
 * "A read returns the bytes of its version, or an error" (R4, R13): whatever range of whatever version a client was given is compared
 * with what was written under that version, checksum by checksum and byte by byte.
 */
import { crc32 } from '@dfs/node-runtime'
import { type FileInfo, formatEtag } from '@dfs/protocol'
import { type Ledger } from '../ledger/ledger.ts'
import { expectPromise } from './broken-promise.ts'

const VERSION = 'a read returns a committed version'
const BYTES = 'a read returns the bytes that were written'

export interface ReadResult {
  readonly info: FileInfo
  /** First byte. */
  readonly start: number
  readonly bytes: Uint8Array
}

export class ReadRules {
  readonly #ledger: Ledger
  /** Contents that clients have sent, by checksum. */
  readonly #sent = new Map<number, Uint8Array>()

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /** A content that may be read from now on. */
  noteSent(content: Uint8Array): void {
    this.#sent.set(crc32(content), content)
  }

  contentOf({ crc32: sum }: FileInfo): Uint8Array | undefined {
    return this.#sent.get(sum)
  }

  check({ info, start, bytes }: ReadResult): void {
    const version = this.#ledger.versions.get(info.version)
    const what = `version ${formatEtag(info.version)}`
    expectPromise(
      version?.size === info.size && version.crc32 === info.crc32,
      VERSION,
      () => `${what} of ${info.size} bytes, but ${version?.size} in the ledger`,
    )
    const expected = this.contentOf(info)?.subarray(start, start + bytes.byteLength)
    expectPromise(
      expected !== undefined && Buffer.from(bytes).equals(expected),
      BYTES,
      () => `${what} (${version?.path}), ${bytes.byteLength} bytes from ${start}`,
    )
  }
}
