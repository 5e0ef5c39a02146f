/** Backups of nothing in particular: bytes that a test has chosen, in pieces. */
import { DfsError, type MetadataBackup } from '@dfs/protocol'

export class MemoryBackups {
  bytes: Uint8Array = Buffer.from('a database')
  pieceSize = 4
  /** Bytes after which it breaks off. */
  breakAfter = Infinity
  isOpen = false

  async open(): Promise<MetadataBackup> {
    if (this.isOpen) throw new DfsError('TOO_BUSY', 'another backup is under way')
    this.isOpen = true
    return {
      info: {
        clusterId: 'c'.repeat(32),
        position: { counter: 3, nonce: '0123456789abcdef', sequence: 81_204 },
        schema: 11,
        bytesTotal: this.bytes.byteLength,
      },
      pieces: () => this.#pieces(),
      [Symbol.asyncDispose]: async () => {
        this.isOpen = false
      },
    }
  }

  async *#pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < this.bytes.byteLength; at += this.pieceSize) {
      if (at >= this.breakAfter) throw new DfsError('UNAVAILABLE', 'the log has grown')
      yield this.bytes.subarray(at, at + this.pieceSize)
    }
  }
}
