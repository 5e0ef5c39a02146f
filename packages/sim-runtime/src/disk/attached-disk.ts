/** The {@link Disk} that one life of a node works with. */
import { type Disk, DiskError, type DiskFile, type DiskSpace } from '@dfs/core'
import { type Life } from '../life.ts'
import { type DiskOperation } from './disk-operation.ts'
import { type SimDisk } from './sim-disk.ts'
import { SimFile } from './sim-file.ts'
import { SimInode } from './sim-inode.ts'
import { parentOf, type SimEntry } from './sim-names.ts'

export class AttachedDisk implements Disk {
  readonly #disk: SimDisk
  readonly #life: Life

  constructor(disk: SimDisk, life: Life) {
    this.#disk = disk
    this.#life = life
  }

  open(name: string, mode: 'create' | 'existing'): Promise<DiskFile> {
    return this.#operate('open', name, () => {
      const inode = mode === 'create' ? this.#create(name) : this.#fileAt(name)
      return new SimFile(this.#disk, this.#life, name, inode)
    })
  }

  list(directory: string): Promise<string[]> {
    return this.#operate('list', directory, () => {
      this.#requireDirectory(directory)
      return this.#disk.names.list(directory)
    })
  }

  makeDirectory(name: string): Promise<void> {
    return this.#operate('makeDirectory', name, () => {
      const parts = name === '' ? [] : name.split('/')
      for (let count = 1; count <= parts.length; count += 1) {
        const path = parts.slice(0, count).join('/')
        const entry = this.#disk.names.get(path)
        if (entry instanceof SimInode) throw new DiskError('exists', `"${path}" is a file`)
        if (entry === null) this.#disk.names.add(path, 'directory')
      }
    })
  }

  rename(from: string, to: string): Promise<void> {
    return this.#operate('rename', from, () => {
      const inode = this.#fileAt(from)
      this.#requireDirectory(parentOf(to))
      if (this.#disk.names.get(to) === 'directory') throw new DiskError('io', `"${to}" is a directory`)
      this.#disk.names.rename(from, to, inode)
    })
  }

  remove(name: string): Promise<void> {
    return this.#operate('remove', name, () => this.#disk.names.remove(name, this.#fileAt(name)))
  }

  syncDirectory(directory: string): Promise<void> {
    return this.#operate('syncDirectory', directory, () => {
      this.#requireDirectory(directory)
      this.#disk.names.sync(directory)
    })
  }

  space(): Promise<DiskSpace> {
    return this.#operate('space', '', () => this.#disk.space())
  }

  #create(name: string): SimInode {
    this.#requireDirectory(parentOf(name))
    if (this.#disk.names.get(name) !== null) throw new DiskError('exists', `"${name}" exists`)
    const inode = new SimInode()
    this.#disk.names.add(name, inode)
    return inode
  }

  #fileAt(name: string): SimInode {
    const entry = this.#disk.names.get(name)
    if (entry === null) throw missing(name)
    if (entry === 'directory') throw new DiskError('io', `"${name}" is a directory`)
    return entry
  }

  #requireDirectory(name: string): void {
    const entry: SimEntry | null = this.#disk.names.get(name)
    if (entry === null) throw missing(name)
    if (entry !== 'directory') throw new DiskError('io', `"${name}" is not a directory`)
  }

  #operate<T>(kind: DiskOperation['kind'], name: string, work: () => T): Promise<T> {
    return this.#disk.operate(this.#life, { kind, name, at: 0, bytes: 0 }, work)
  }
}

const missing = (name: string): DiskError => new DiskError('missing', `"${name}" is not there`)
