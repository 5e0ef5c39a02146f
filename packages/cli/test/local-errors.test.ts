/** What goes wrong on this side: one line each, the rest goes on, and nothing half-made stays. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type FakeCluster } from '@dfs/client/testing'
import { describe, expect, test } from 'vitest'
import { beforeEachTest } from './each-test.ts'
import { type Ended, runShell, type ScratchDirectory } from './run-dfs.ts'

let cluster: FakeCluster
let scratch: ScratchDirectory

beforeEachTest((world) => ({ cluster, scratch } = world))

const shell = (script: string, ...args: readonly string[]): Promise<Ended> =>
  runShell(script, args, cluster.url)

const dfs = (...args: readonly string[]): Promise<Ended> => shell('"$@"', ...args)

const store = (path: string, text: string): void =>
  void cluster.tree.write(path, { bytes: Buffer.from(text), contentType: 'text/plain', executable: false })

const oneLine = (text: string): RegExp => new RegExp(`^dfs: ${text}[^\\n]*\\n$`)

describe('Getting', () => {
  test('A small file whose place cannot be written ends with one line.', async () => {
    store('/small', 'small')
    const { exitCode, stderr } = await dfs('get', '/small', '/proc/small')
    expect(exitCode).not.toBe(0)
    expect(stderr).toMatch(oneLine('get: E[A-Z]+: '))
  })

  test('A tree goes on past a directory in which nothing can be written.', async () => {
    const deep = placeForNoFile(scratch.at('back'))
    store(`/t/${deep}/lost`, 'no name fits in there any more')
    for (let index = 0; index < 100; index += 1) store(`/t/${index}`, String(index))
    store('/t/z/last', 'last')
    const { exitCode, stderr } = await dfs('get', '-q', '-r', '/t', scratch.at('back'))
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(oneLine('/t/d+.*: ENAMETOOLONG: '))
    expect(await readdir(scratch.at('back'))).toHaveLength(102)
    expect(await readFile(scratch.at('back/z/last'), 'utf8')).toBe('last')
  })

  test('What stands in the way of one file costs that file alone, and its temporary file goes.', async () => {
    for (const name of ['a', 'b', 'c']) store(`/t/${name}`, name)
    await mkdir(scratch.at('back/b'), { recursive: true })
    const { exitCode, stderr } = await dfs('get', '-q', '-r', '/t', scratch.at('back'))
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(oneLine('/t/b: EISDIR: '))
    expect((await readdir(scratch.at('back'))).toSorted()).toEqual(['a', 'b', 'c'])
  })

  test('A full disk is one line, whether it is a device or standard output.', async () => {
    store('/small', 'small')
    const device = await dfs('get', '-q', '/small', '/dev/full')
    expect(device.exitCode).toBe(1)
    expect(device.stderr).toMatch(oneLine('get: ENOSPC: no space left on device'))
    const output = await shell('"$@" > /dev/full', 'get', '/small', '-')
    expect(output.exitCode).toBe(1)
    expect(output.stderr).toMatch(oneLine('get: ENOSPC: no space left on device'))
  })
})

describe('Output', () => {
  test.each([['ls'], ['stat', '/small'], ['help']])(
    'A full disk behind dfs %s is one line.',
    async (...args) => {
      store('/small', 'small')
      const { exitCode, stderr } = await shell('"$@" > /dev/full', ...args)
      expect(exitCode).toBe(1)
      expect(stderr).toMatch(oneLine('[a-z-]+: ENOSPC: no space left on device'))
    },
  )

  test('A reader that has seen enough is no failure.', async () => {
    for (let index = 0; index < 1000; index += 1) store(`/${'long'.repeat(50)}${index}`, '')
    const { stdout, stderr } = await shell('("$@"; echo "exit $?" >&2) | head -n 1', 'ls')
    expect(stdout.toString()).toMatch(/^long.*\n$/)
    expect(stderr).toBe('exit 0\n')
  })

  test('Work goes on if nobody reads its results, and says so if they could not be written.', async () => {
    await mkdir(scratch.at('tree'))
    for (let index = 0; index < 200; index += 1) await writeFile(scratch.at(`tree/${index}`), '')
    const args = ['--json', 'put', '-r', scratch.at('tree')]
    const unread = await shell('("$@"; echo "exit $?" >&2) | head -n 1', ...args, '/unread')
    expect(unread.stderr).toBe('exit 0\n')
    expect(cluster.tree.list('/unread', false)).toHaveLength(200)
    const full = await shell('"$@" > /dev/full', ...args, '/full')
    expect(full.exitCode).toBe(1)
    expect(JSON.parse(full.stderr)).toMatchObject({ error: { subject: 'put', code: 'ENOSPC' } })
    expect(cluster.tree.list('/full', false)).toHaveLength(200)
  })

  test('Nobody can be told if standard error is full; the exit code is the same.', async () => {
    const { exitCode } = await shell('"$@" 2> /dev/full', 'stat', '/missing')
    expect(exitCode).toBe(3)
  })
})

describe('Putting', () => {
  test('A tree goes on past what cannot be read.', async () => {
    await mkdir(scratch.at('tree'))
    for (const name of ['a', 'z']) await writeFile(scratch.at(`tree/${name}`), name)
    const { exitCode, stderr } = await shell(
      'mkfifo "$4/pipe" && ln -s /nowhere "$4/link" && "$1" "$2" put -q -r "$4" /t',
      'put',
      scratch.at('tree'),
    )
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(oneLine('.*/pipe: '))
    expect(cluster.tree.list('/t', true).map(({ path }) => path)).toEqual(['a', 'link', 'z'])
  })

  test('One of several operands that is not there does not keep the others.', async () => {
    await writeFile(scratch.at('a'), 'a')
    const { exitCode, stderr } = await dfs(
      'put',
      '-q',
      scratch.at('none'),
      scratch.at('a/below'),
      scratch.at('a'),
      '/',
    )
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^dfs: [^\n]*ENOENT[^\n]*\ndfs: [^\n]*ENOTDIR[^\n]*\n$/)
    expect(cluster.tree.entries.has('/a')).toBe(true)
  })

  test('A directory as standard input is an error, not an empty file.', async () => {
    const { exitCode, stderr } = await shell('"$@" < /', 'put', '-q', '-', '/x')
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(oneLine('put: EISDIR: '))
    expect(cluster.tree.entries.has('/x')).toBe(false)
  })
})

/** A directory below `root` that can be made, with a path so long that no temporary name fits behind it. */
function placeForNoFile(root: string): string {
  const names: string[] = []
  let left = 4085 - Buffer.byteLength(root)
  while (left > 1) {
    const length = Math.min(200, left - 1)
    names.push('d'.repeat(length))
    left -= length + 1
  }
  return names.join('/')
}

test('The place for no file is one.', async () => {
  const place = `${scratch.at('back')}/${placeForNoFile(scratch.at('back'))}`
  expect(dirname(place).length).toBeLessThan(4096)
  await mkdir(place, { recursive: true })
  await expect(stat(`${place}/.dfs-0123456789abcdef.part`)).rejects.toMatchObject({ code: 'ENAMETOOLONG' })
})
