import { type Random } from '@dfs/core'
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { ClusterKeyError, ensureClusterKey, readClusterKey } from '../src/index.ts'

const random: Random = { bytes: (count) => randomBytes(count), int: () => 0, fork: () => random }
let directory: string
let path: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dfs-key-'))
  path = join(directory, 'cluster.key')
  return () => rm(directory, { recursive: true })
})

test('the first start makes a key, for its owner alone; later ones read it', async () => {
  const key = await ensureClusterKey(path, random)
  expect(key.byteLength).toBe(32)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await ensureClusterKey(path, random)).toEqual(key)
  expect(await readClusterKey(path)).toEqual(key)
  expect(await readFile(path, 'latin1')).toMatch(/^[0-9a-f]{64}\n$/)
})

test('processes that start together get the same key, and leave nothing else behind', async () => {
  const keys = await Promise.all(Array.from({ length: 8 }, () => ensureClusterKey(path, random)))
  expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1)
  expect(await readdir(directory)).toEqual(['cluster.key'])
})

test.each([
  ['a short key', 'ab'.repeat(31), 0o600, /not 64 hexadecimal digits/],
  ['an empty file', '', 0o600, /not 64 hexadecimal digits/],
  ['no hexadecimal', 'zz'.repeat(32), 0o600, /not 64 hexadecimal digits/],
  ['a key that nobody drew', '00'.repeat(32), 0o600, /not random/],
  ['a key that the group can read', '0123456789abcdef'.repeat(4), 0o640, /mode 0640\)\. Run: chmod 600/],
  ['a key that everybody can read', '0123456789abcdef'.repeat(4), 0o604, /mode 0604/],
])('%s is refused, and never replaced', async (_name, content, mode, message) => {
  await writeFile(path, content)
  await chmod(path, mode)
  await expect(readClusterKey(path)).rejects.toThrow(message)
  await expect(ensureClusterKey(path, random)).rejects.toThrow(ClusterKeyError)
  expect(await readFile(path, 'latin1')).toBe(content)
})

test('a missing key is named, with what to do', async () => {
  await expect(readClusterKey(path)).rejects.toThrow(/cannot be read \(ENOENT\)\. Copy it from the master/)
})
