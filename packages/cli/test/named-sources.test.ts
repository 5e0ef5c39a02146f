/** What the operands of put lead to: links that are named, open files of the shell, pipes; and files that change meanwhile. */
import { appendFile, link, mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { type FakeCluster } from '@dfs/client/testing'
import { describe, expect, test } from 'vitest'
import { localFile } from '../src/local/source.ts'
import { beforeEachTest } from './each-test.ts'
import { type Ended, runHere, runShell, type ScratchDirectory } from './run-dfs.ts'

let cluster: FakeCluster
let scratch: ScratchDirectory

beforeEachTest((world) => ({ cluster, scratch } = world))

const here = (...args: readonly string[]): Promise<Ended> => runHere(args, cluster.url)

const textAt = (path: string): string => Buffer.from(cluster.tree.file(path).bytes).toString()

describe('Open files of the shell are read', () => {
  test.each([
    ['a pipe as /dev/stdin', 'echo hi | "$@"', ['put', '/dev/stdin', '/x']],
    ['a file as /dev/stdin', '"$@" < "$FILE"', ['put', '/dev/stdin', '/x']],
    ['a pipe as /dev/fd/3', 'echo hi | "$@" 3<&0', ['put', '/dev/fd/3', '/x']],
    ['a file as /proc/self/fd/3', '"$@" 3< "$FILE"', ['put', '/proc/self/fd/3', '/x']],
    ['a pipe with -r', 'echo hi | "$@" 3<&0', ['put', '-r', '/dev/fd/3', '/x']],
    ['a file with -r', '"$@" 3< "$FILE"', ['put', '-r', '/dev/fd/3', '/x']],
  ])('%s', async (_, script, args) => {
    await writeFile(scratch.at('file'), 'hi\n')
    const { exitCode } = await runShell(`FILE='${scratch.at('file')}'; ${script}`, args, cluster.url)
    expect(exitCode).toBe(0)
    expect(textAt('/x')).toBe('hi\n')
  })
})

test('A pipe with a name is read to its end, under its own name and under that of a link.', async () => {
  const script = `mkfifo '${scratch.at('pipe')}' && ln -s pipe '${scratch.at('link')}' && (echo hi > '${scratch.at('pipe')}' & "$@")`
  for (const args of [
    ['put', scratch.at('pipe'), '/x'],
    ['put', '-r', scratch.at('link'), '/y'],
  ]) {
    await rm(scratch.at('pipe'), { force: true })
    await rm(scratch.at('link'), { force: true })
    expect(await runShell(script, args, cluster.url)).toMatchObject({ exitCode: 0 })
  }
  expect([textAt('/x'), textAt('/y')]).toEqual(['hi\n', 'hi\n'])
})

test('A link that is named is followed; with -r it is stored.', async () => {
  await writeFile(scratch.at('file'), 'content')
  await symlink('file', scratch.at('link'))
  await symlink('nowhere', scratch.at('dangling'))
  expect(await here('put', scratch.at('link'), '/followed')).toMatchObject({ exitCode: 0 })
  expect(textAt('/followed')).toBe('content')
  expect(await here('put', scratch.at('dangling'), '/lost')).toMatchObject({ exitCode: 3 })
  for (const name of ['link', 'dangling']) {
    expect(await here('put', '-r', scratch.at(name), `/${name}`)).toMatchObject({ exitCode: 0 })
  }
  expect(cluster.tree.entries.get('/link')).toEqual({ kind: 'link', target: 'file' })
  expect(cluster.tree.entries.get('/dangling')).toEqual({ kind: 'link', target: 'nowhere' })
  expect(cluster.tree.entries.has('/lost')).toBe(false)
})

test('A link to a directory needs -r, and is stored as a link then.', async () => {
  await mkdir(scratch.at('directory'))
  await symlink('directory', scratch.at('link'))
  expect(await here('put', scratch.at('link'), '/x')).toMatchObject({ exitCode: 2 })
  expect(await here('put', '-r', scratch.at('link'), '/x')).toMatchObject({ exitCode: 0 })
  expect(cluster.tree.entries.get('/x')).toEqual({ kind: 'link', target: 'directory' })
})

describe('A file that changes while it is read', () => {
  const SIZE = 600_000

  const readLater = async (change: (path: string) => Promise<void>): Promise<Buffer> => {
    const path = scratch.at('large')
    await writeFile(path, Buffer.alloc(SIZE, 'x'))
    const { source } = localFile(path, { isNamed: false, onBytes: () => {} })
    await change(path)
    if (typeof source !== 'function') throw new Error('a large file is not read at once')
    return Buffer.concat(await Array.fromAsync(source()))
  }

  test('and grows, is stored with the size that it had.', async () => {
    expect(await readLater((path) => appendFile(path, 'more'))).toHaveLength(SIZE)
  })

  test('and shrinks, brings fewer bytes, which the client refuses.', async () => {
    expect(await readLater((path) => truncate(path, 100))).toHaveLength(100)
  })

  test('and vanishes, is an error of the file system.', async () => {
    await expect(readLater((path) => rm(path))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('and is replaced, is never mixed with the other one.', async () => {
    const replace = async (path: string): Promise<void> => {
      // The old one is kept, so that the new one cannot have its number.
      await link(path, scratch.at('kept'))
      await writeFile(scratch.at('other'), Buffer.alloc(2 * SIZE, 'y'))
      await rename(scratch.at('other'), path)
    }
    await expect(readLater(replace)).rejects.toThrow('was replaced by another file')
  })

  test('and becomes a link, is not followed.', async () => {
    const replace = async (path: string): Promise<void> => {
      await rename(path, scratch.at('kept'))
      await symlink('kept', path)
    }
    await expect(readLater(replace)).rejects.toMatchObject({ code: 'ELOOP' })
  })
})
