/** The program that makes the key before any node starts, as containers run it. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

const PROGRAM = join(import.meta.dirname, '..', 'bin', 'make-cluster-key.ts')
const run = (...args: string[]) => promisify(execFile)(process.execPath, [PROGRAM, ...args])

/** Several processes one after the other, perhaps on a busy machine. */
vi.setConfig({ testTimeout: 60_000 })

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dfs-key-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test('makes a key once, for its owner alone', async () => {
  const path = join(directory, 'cluster.key')
  await run(path)
  const first = readFileSync(path, 'utf8')
  expect(first).toMatch(/^[0-9a-f]{64}\n$/)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  await run(path)
  expect(readFileSync(path, 'utf8')).toBe(first)
})

test('leaves what is no key as it is, and says so', async () => {
  const path = join(directory, 'cluster.key')
  writeFileSync(path, 'secret\n', { mode: 0o600 })
  await expect(run(path)).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('hexadecimal') })
  expect(readFileSync(path, 'utf8')).toBe('secret\n')
})

test('asks for the path', async () => {
  await expect(run()).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('usage') })
})
