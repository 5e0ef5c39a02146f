import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { makeDirectoryDurably } from '../src/index.ts'

const root = mkdtempSync(join(tmpdir(), 'dfs-durable-'))
afterEach(() => rmSync(root, { recursive: true, force: true }))

it('syncs every directory that has got a new name, and none if nothing was made', () => {
  const data = join(root, 'a', 'b', 'data')
  const synced: string[] = []
  const sync = (directory: string): void => void synced.push(directory)
  makeDirectoryDurably(data, { sync })
  expect(synced).toEqual([join(root, 'a', 'b'), join(root, 'a'), root])
  expect(statSync(data).isDirectory()).toBe(true)
  makeDirectoryDurably(data, { sync })
  expect(synced).toHaveLength(3)
  makeDirectoryDurably(join(data, 'one more'))
  expect(statSync(join(data, 'one more')).mode & 0o777).toBe(0o700)
})
