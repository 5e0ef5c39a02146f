/** An open file of a simulated disk. Like a descriptor, it stays with its content when the name goes. */
import { assert, byteCount, concatBytes, DiskError, type DiskFile } from '@dfs/core'
import { type Life } from '../life.ts'
import { type DiskFault, type FileOperationKind } from './disk-operation.ts'
import { type SimDisk } from './sim-disk.ts'
import { type SimInode } from './sim-inode.ts'

export class SimFile implements DiskFile {
  readonly #disk: SimDisk
  readonly #life: Life
  readonly #name: string
  readonly #inode: SimInode
  #isClosed = false
  #hasFailedSync = false

  constructor(disk: SimDisk, life: Life, name: string, inode: SimInode) {
    this.#disk = disk
    this.#life = life
    this.#name = name
    this.#inode = inode
  }

  size(): Promise<number> {
    return this.#operate({ kind: 'size' }, () => this.#inode.size)
  }

  /**
   * The kernel may copy the buffers as soon as it is called or only at the end, so both happen here: whoever changes a
   * buffer meanwhile is found out in some runs.
   */
  appendv(buffers: readonly Uint8Array[]): Promise<void> {
    const bytes = byteCount(buffers)
    const early = this.#disk.drawIsEarly() ? concatBytes(buffers).slice() : null
    const whole = (): Uint8Array => early ?? concatBytes(buffers)
    const append = (fault: DiskFault | null): void => {
      const written = whole().subarray(0, this.#disk.roomFor(bytes))
      const isLost = fault?.kind === 'lost' || fault?.kind === 'misdirected'
      this.#inode.write(this.#inode.size, isLost ? new Uint8Array(written.byteLength) : written)
      if (fault?.kind === 'misdirected') this.#disk.damage(fault.name, fault.at, written)
      if (written.byteLength < bytes)
        throw new DiskError('full', `append to "${this.#name}": the disk is full`)
    }
    const appendPrefix = (): void =>
      this.#inode.write(this.#inode.size, whole().subarray(0, this.#disk.drawPrefix(bytes)))
    return this.#operate({ kind: 'append', at: this.#inode.size, bytes }, append, appendPrefix)
  }

  readInto(at: number, buffer: Uint8Array): Promise<number> {
    return this.#operate({ kind: 'read', at, bytes: buffer.byteLength }, (fault) => {
      const bytes = this.#inode.view().subarray(at, at + buffer.byteLength)
      buffer.set(bytes)
      if (fault?.kind === 'flip' && fault.at < bytes.byteLength) buffer[fault.at]! ^= 1 << fault.bit
      return bytes.byteLength
    })
  }

  writeAt(at: number, bytes: Uint8Array): Promise<void> {
    assert(
      at >= 0 && at + bytes.byteLength <= this.#inode.size,
      `"${this.#name}": only existing bytes are overwritten`,
    )
    const write = (): void => this.#inode.write(at, bytes)
    const writePrefix = (): void =>
      this.#inode.write(at, bytes.subarray(0, this.#disk.drawPrefix(bytes.byteLength)))
    return this.#operate({ kind: 'write', at, bytes: bytes.byteLength }, write, writePrefix)
  }

  /** This handle remembers a failed sync, as the host's does; another one of the same file is told that all is well. */
  sync(): Promise<void> {
    const sync = (): void => {
      if (this.#hasFailedSync) throw new DiskError('io', `sync "${this.#name}": an earlier sync has failed`)
      this.#inode.sync()
    }
    const failSync = (): void => {
      this.#hasFailedSync = true
      this.#inode.failSync()
    }
    return this.#operate({ kind: 'sync' }, sync, failSync)
  }

  truncate(size: number): Promise<void> {
    assert(
      size >= 0 && size <= this.#inode.size,
      `"${this.#name}": a file is only truncated to a smaller size`,
    )
    return this.#operate({ kind: 'truncate', at: size }, () => this.#inode.truncate(size))
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    const closed = this.#operate({ kind: 'close' }, () => undefined)
    this.#isClosed = true
    await closed
  }

  #operate<T>(
    { kind, at = 0, bytes = 0 }: { kind: FileOperationKind; at?: number; bytes?: number },
    work: (fault: DiskFault | null) => T,
    onError?: () => void,
  ): Promise<T> {
    assert(!this.#isClosed, `"${this.#name}" was used after it was closed`)
    return this.#disk.operate(this.#life, { kind, name: this.#name, at, bytes }, work, onError)
  }
}
