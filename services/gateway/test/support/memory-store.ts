/** Files in memory behind the gateway's port, with failures on demand. */
import { concatBytes } from '@dfs/core'
import { DfsError, type ErrorCode, type FilePath } from '@dfs/protocol'
import { type LineContent, type LineStore, type StoredFile } from '../../src/index.ts'

export class MemoryStore implements LineStore {
  readonly files = new Map<string, Uint8Array>()
  readonly directories = new Set<string>()
  primaryIndex: number | null = 0
  /** Every call fails so. */
  failure: ErrorCode | null = null
  /** No call is ever answered. */
  isStuck = false
  /** The size of the pieces in which content is read. */
  pieceBytes = 64 * 1024
  /** Calls so far. */
  calls = 0
  /** Files that are being read and hold a connection. */
  open = 0

  async overwrite(path: FilePath, content: Uint8Array): Promise<void> {
    await this.#enter(path)
    this.files.set(path, content.slice())
  }

  async write(path: FilePath, { size, bytes }: LineContent): Promise<void> {
    await this.#enter(path)
    if (!this.files.has(path)) throw new DfsError('PRECONDITION_FAILED', path)
    const pieces: Uint8Array[] = [new Uint8Array()]
    if (bytes instanceof Uint8Array) pieces.push(bytes)
    else for await (const piece of bytes) pieces.push(piece)
    const content = concatBytes(pieces).slice()
    if (content.byteLength !== size) throw new DfsError('LENGTH_MISMATCH', path)
    this.files.set(path, content)
  }

  async read(path: FilePath): Promise<StoredFile> {
    await this.#enter(path)
    const content = this.files.get(path)
    if (content === undefined) throw new DfsError('FILE_NOT_FOUND', path)
    let isOpen = false
    const hold = (isHeld: boolean): void => {
      this.open += Number(isHeld) - Number(isOpen)
      isOpen = isHeld
    }
    hold(true)
    const close = (): void => hold(false)
    return { size: content.byteLength, body: this.#pieces(content, hold), pause: close, cancel: close }
  }

  async remove(path: FilePath): Promise<void> {
    await this.#enter(path)
    if (!this.files.delete(path)) throw new DfsError('FILE_NOT_FOUND', path)
  }

  async primary(): Promise<number | null> {
    await this.#enter('')
    return this.primaryIndex
  }

  async *#pieces(content: Uint8Array, hold: (isHeld: boolean) => void): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < content.byteLength; at += this.pieceBytes) {
      hold(true)
      yield await Promise.resolve(content.subarray(at, at + this.pieceBytes))
    }
  }

  async #enter(path: string): Promise<void> {
    this.calls += 1
    if (this.isStuck) await new Promise<never>(() => {})
    if (this.failure !== null) throw new DfsError(this.failure, path)
    if (this.directories.has(path)) throw new DfsError('IS_A_DIRECTORY', path)
  }
}
