/** A file whose sync has failed: the kernel has dropped what was to be synced, and would say of the next one that it went well. */
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromUtf8, utf8 } from '@dfs/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DiskFigures } from '../src/disk/disk-figures.ts'
import { NodeFile } from '../src/disk/node-file.ts'
import { ReadPace } from '../src/disk/read-pace.ts'

let root: string
let handle: FileHandle
let file: NodeFile
let figures: DiskFigures
/** Syncs that the kernel was asked for. */
let syncs: number

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'dfs-file-'))
  handle = await open(join(root, 'file'), 'wx+')
  figures = new DiskFigures()
  file = await NodeFile.adopt('file', handle, { pace: new ReadPace(), figures })
  syncs = 0
})
afterEach(async () => {
  await file.close()
  await rm(root, { recursive: true })
})

/** The kernel fails the sync of this number, and says once only what went wrong, as Linux does. */
function failSync(number: number, code: string): void {
  const datasync = handle.datasync.bind(handle)
  handle.datasync = async () => {
    syncs += 1
    if (syncs === number) throw Object.assign(new Error('told once'), { code })
    await datasync()
  }
}

it.each([
  ['EIO', 'io'],
  ['ENOSPC', 'full'],
])('asks for no sync after one that has failed: %s', async (code, kind) => {
  failSync(2, code)
  await file.appendv([utf8('kept')])
  await file.sync()
  await file.appendv([utf8(', lost')])
  await expect(file.sync()).rejects.toMatchObject({ kind, message: `sync "file": ${code}` })
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await expect(file.sync(), 'it would lie').rejects.toMatchObject({
      kind: 'io',
      message: 'sync "file": an earlier sync has failed',
    })
  }
  await file.appendv([utf8(', more')])
  await expect(file.sync(), 'whatever is written behind it').rejects.toMatchObject({ kind: 'io' })
  expect(syncs).toBe(2)
  expect([figures.syncs.count, figures.failedSyncs], 'those that the kernel was asked for').toEqual([2, 1])
  const kept = new Uint8Array(4)
  expect([await file.readInto(0, kept), fromUtf8(kept)], 'what was synced before').toEqual([4, 'kept'])
})

it('asks for each sync as long as none has failed', async () => {
  failSync(Infinity, 'EIO')
  for (const text of ['a', 'b', 'c']) {
    await file.appendv([utf8(text)])
    await file.sync()
  }
  expect(syncs).toBe(3)
  expect([figures.syncs.count, figures.failedSyncs]).toEqual([3, 0])
  expect(figures.syncs.sum).toBeGreaterThan(0)
})
