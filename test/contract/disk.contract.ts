/** What every {@link Disk} does while nothing crashes. */
import { type DiskFile, readWhole, utf8, writeDurably } from '@dfs/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type World, type WorldKind } from './worlds.ts'

export function diskContract(kind: WorldKind): void {
  describe(`Disk (${kind.name})`, () => {
    let world: World
    beforeEach(async () => (world = await kind.make()))
    afterEach(() => world.dispose())

    /** Runs `work` with a new file, and closes it. */
    const withFile = (work: (file: DiskFile) => Promise<void>): Promise<void> =>
      world.run(async () => {
        const file = await world.disk.open('file', 'create')
        try {
          await work(file)
        } finally {
          await file.close()
        }
      })

    const contentOf = async (file: DiskFile): Promise<Uint8Array> => {
      const bytes = new Uint8Array((await file.size()) + 10)
      return bytes.subarray(0, await file.readInto(0, bytes))
    }

    it('appends buffers in order, more of them than the kernel takes at once, empty ones included', () =>
      withFile(async (file) => {
        const buffers = Array.from({ length: 2500 }, (_, index) =>
          new Uint8Array(index % 3).fill(index % 251),
        )
        await file.appendv(buffers.slice(0, 1))
        await file.appendv(buffers.slice(1))
        await file.sync()
        expect(Buffer.from(await contentOf(file)).equals(Buffer.concat(buffers))).toBe(true)
      }))

    it('appends large batches whole, and reads them back in large reads', () =>
      withFile(async (file) => {
        const pieces = [1, 2, 3].map((value) => new Uint8Array(3 * 1024 * 1024 + value).fill(value))
        await file.appendv(pieces)
        expect(Buffer.from(await contentOf(file)).equals(Buffer.concat(pieces))).toBe(true)
      }))

    it('goes on at the end of what a file held before', () =>
      world.run(async () => {
        const first = await world.disk.open('file', 'create')
        await first.appendv([utf8('one ')])
        await first.close()
        const second = await world.disk.open('file', 'existing')
        expect(await second.size()).toBe(4)
        await second.appendv([utf8('two')])
        await second.close()
        expect(await readWhole(world.disk, 'file')).toEqual(utf8('one two'))
      }))

    it.each([10, 200_000])('reads fewer bytes than asked only at the end (buffer of %s)', (bytes) =>
      withFile(async (file) => {
        await file.appendv([utf8('0123456789')])
        const buffer = new Uint8Array(bytes).fill(255)
        expect(await file.readInto(6, buffer)).toBe(4)
        expect(buffer.subarray(0, 5)).toEqual(new Uint8Array([...utf8('6789'), 255]))
        expect(await file.readInto(10, buffer)).toBe(0)
        expect(await file.readInto(1000, buffer)).toBe(0)
      }),
    )

    it('reads into the view it was given and not into the memory around it', () =>
      withFile(async (file) => {
        await file.appendv([utf8('abc')])
        const around = new Uint8Array(5)
        expect(await file.readInto(0, around.subarray(1, 4))).toBe(3)
        expect(around).toEqual(new Uint8Array([0, ...utf8('abc'), 0]))
      }))

    it('answers overlapping reads each with its own bytes', () =>
      withFile(async (file) => {
        await file.appendv([Uint8Array.from({ length: 64 }, (_, index) => index)])
        const read = async (at: number): Promise<number> => {
          const buffer = new Uint8Array(1)
          await file.readInto(at, buffer)
          return buffer[0]!
        }
        const positions = Array.from({ length: 64 }, (_, index) => 63 - index)
        expect(await Promise.all(positions.map(read))).toEqual(positions)
      }))

    it('overwrites in place without moving the end, and refuses to write beyond it', () =>
      withFile(async (file) => {
        await file.appendv([utf8('0123456789')])
        await file.writeAt(2, utf8('xy'))
        await file.appendv([utf8('!')])
        expect(await contentOf(file)).toEqual(utf8('01xy456789!'))
        await expect(async () => file.writeAt(10, utf8('ab'))).rejects.toThrow('existing bytes')
      }))

    it('truncates, and appends at the new end', () =>
      withFile(async (file) => {
        await file.appendv([utf8('0123456789')])
        await file.truncate(4)
        expect(await file.size()).toBe(4)
        await file.appendv([utf8('ab')])
        expect(await contentOf(file)).toEqual(utf8('0123ab'))
      }))

    it('closes twice, and refuses use afterwards', () =>
      world.run(async () => {
        const file = await world.disk.open('file', 'create')
        await file.close()
        await file.close()
        await expect(async () => file.readInto(0, new Uint8Array(1))).rejects.toThrow('after it was closed')
      }))

    it('tells missing from existing', () =>
      world.run(async () => {
        const { disk } = world
        await expect(disk.open('file', 'existing')).rejects.toMatchObject({ kind: 'missing' })
        await expect(disk.remove('file')).rejects.toMatchObject({ kind: 'missing' })
        await expect(disk.rename('file', 'other')).rejects.toMatchObject({ kind: 'missing' })
        await expect(disk.list('directory')).rejects.toMatchObject({ kind: 'missing' })
        await expect(disk.open('directory/file', 'create')).rejects.toMatchObject({ kind: 'missing' })
        await (await disk.open('file', 'create')).close()
        await expect(disk.open('file', 'create')).rejects.toMatchObject({ kind: 'exists' })
      }))

    it('makes directories with their parents, twice, and lists them by code unit', () =>
      world.run(async () => {
        const { disk } = world
        await disk.makeDirectory('a/b')
        await disk.makeDirectory('a/b')
        for (const name of ['a/z', 'a/Z', 'a/é', 'a/b/inner']) await (await disk.open(name, 'create')).close()
        await disk.syncDirectory('a')
        expect(await disk.list('a')).toEqual(['Z', 'b', 'z', 'é'])
        expect(await disk.list('')).toEqual(['a'])
      }))

    it('renames over an existing file, whose open handle keeps the old content', () =>
      world.run(async () => {
        const { disk } = world
        await writeDurably(disk, 'current', utf8('old'))
        const old = await disk.open('current', 'existing')
        await writeDurably(disk, 'next', utf8('new'))
        await disk.rename('next', 'current')
        expect(await readWhole(disk, 'current')).toEqual(utf8('new'))
        expect(await contentOf(old)).toEqual(utf8('old'))
        expect(await disk.list('')).toEqual(['current'])
        await old.close()
      }))

    it.each(['../out', '/etc/passwd', 'a/../../out', 'a//b', 'nul\0'])('refuses %j as a name', (name) =>
      world.run(async () => {
        await expect(async () => world.disk.open(name, 'create')).rejects.toThrow('not a name')
        await expect(async () => world.disk.makeDirectory(name)).rejects.toThrow('not a name')
      }),
    )

    it('knows its space', () =>
      world.run(async () => {
        const { freeBytes, totalBytes } = await world.disk.space()
        expect(freeBytes).toBeGreaterThan(0)
        expect(totalBytes).toBeGreaterThanOrEqual(freeBytes)
      }))
  })
}
