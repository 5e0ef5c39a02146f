/** What only a real file system can show: modes, links, locks between processes, timers and digests of Node. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { utf8 } from '@dfs/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { skipBytes } from '../src/disk/node-file.ts'
import { crc32, createHasher, lockDirectory, NodeClock, NodeDisk } from '../src/index.ts'

let root: string
beforeEach(async () => (root = await mkdtemp(join(tmpdir(), 'dfs-disk-'))))
afterEach(() => rm(root, { recursive: true }))

describe('NodeDisk', () => {
  it('makes files and directories that nobody else can read', async () => {
    const disk = new NodeDisk(join(root, 'data'))
    await disk.makeDirectory('')
    await disk.makeDirectory('volumes')
    await (await disk.open('volumes/1', 'create')).close()
    const modeOf = async (name: string): Promise<number> => (await stat(join(root, name))).mode & 0o777
    expect([await modeOf('data'), await modeOf('data/volumes'), await modeOf('data/volumes/1')]).toEqual([
      0o700, 0o700, 0o600,
    ])
  })

  it('follows no symbolic link', async () => {
    await writeFile(join(root, 'target'), 'secret')
    await symlink(join(root, 'target'), join(root, 'link'))
    const disk = new NodeDisk(root)
    await expect(disk.open('link', 'existing')).rejects.toMatchObject({ kind: 'io' })
    await expect(disk.open('link', 'create')).rejects.toMatchObject({ kind: 'exists' })
  })
})

describe('NodeFile', () => {
  it('knows how much of an append reached the file that the kernel cut short', async () => {
    const source = new URL('../src/index.ts', import.meta.url).href
    const script = `
      const { NodeDisk } = await import(${JSON.stringify(source)})
      const file = await new NodeDisk(${JSON.stringify(root)}).open('file', 'create')
      const pieces = Array.from({ length: 10 }, (_, index) => new Uint8Array(999).fill(index))
      const error = await file.appendv(pieces).catch((error) => error)
      console.log(error.kind, await file.size())`
    // Eight blocks of 512 bytes: the kernel writes as many and fails the next write.
    const limited = 'ulimit -f 8; exec "$0" --input-type=module -e "$1"'
    const { stdout } = await promisify(execFile)('sh', ['-c', limited, process.execPath, script])
    const { size } = await stat(join(root, 'file'))
    expect(size).toBeGreaterThan(0)
    expect(stdout).toBe(`io ${size}\n`)
  })
})

describe('skipBytes', () => {
  it.each([
    [0, 'abcdef'],
    [2, 'cdef'],
    [3, 'def'],
    [5, 'f'],
    [6, ''],
  ])('after %s bytes written, what is left is the rest', (count, rest) => {
    const left = skipBytes([utf8('abc'), utf8(''), utf8('def')], count)
    expect(Buffer.concat(left).toString()).toBe(rest)
  })
})

describe('lockDirectory', () => {
  it('keeps out a second user of the directory until it is released', async () => {
    const lock = await lockDirectory(join(root, 'data'))
    await expect(lockDirectory(join(root, 'data'))).rejects.toMatchObject({ kind: 'exists' })
    await lock.release()
    await lock.release()
    await using again = await lockDirectory(join(root, 'data'))
    expect(again).toBeDefined()
  })

  it('is given up by the kernel when its process dies without releasing it', async () => {
    const source = new URL('../src/index.ts', import.meta.url).href
    const script = `
      const { lockDirectory } = await import(${JSON.stringify(source)})
      await lockDirectory(${JSON.stringify(root)})
      await lockDirectory(${JSON.stringify(root)}).catch((error) => console.log(error.kind))
      process.kill(process.pid, 'SIGKILL')`
    const child = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
    await expect(child).rejects.toMatchObject({ signal: 'SIGKILL', stdout: 'exists\n' })
    await using lock = await lockDirectory(root)
    expect(lock).toBeDefined()
  })
})

describe('NodeClock', () => {
  it('leaves no timer behind when a sleep is aborted', async () => {
    const timersCount = (): number =>
      process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length
    const before = timersCount()
    const controller = new AbortController()
    const sleeps = Array.from({ length: 10 }, (_, index) =>
      new NodeClock().sleep(1e6 + index, controller.signal),
    )
    expect(timersCount()).toBeGreaterThan(before)
    controller.abort(new Error('enough'))
    await Promise.allSettled(sleeps)
    expect(timersCount()).toBe(before)
  })
})

describe('checksums', () => {
  it('match known values, in one go and in pieces', () => {
    expect(crc32(utf8('123456789'))).toBe(0xcbf43926)
    expect(crc32(utf8('56789'), crc32(utf8('1234')))).toBe(0xcbf43926)
    const sha256 = createHasher('sha-256')
    sha256.update(utf8('a'))
    sha256.update(utf8('bc'))
    expect(Buffer.from(sha256.digest()).toString('hex')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    )
    expect(createHasher('sha-512').digest()).toHaveLength(64)
  })
})
