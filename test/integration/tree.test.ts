/**
 * A tree of awkward names goes in, the cluster is stopped and started again, and the same tree comes out. With
 * DFS_TEST_TREE=DIR it is that directory instead of a generated one.
 */
import { lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { RealCluster, run } from './real-cluster.ts'

const WITHIN_MS = 15 * 60_000

let cluster: RealCluster

beforeAll(async () => {
  cluster = await RealCluster.start()
}, WITHIN_MS)
afterAll(() => cluster.end(), WITHIN_MS)

it(
  'a tree survives put, a restart of the whole cluster, and get',
  async () => {
    const source = process.env['DFS_TEST_TREE'] ?? join(cluster.directory, 'source')
    if (process.env['DFS_TEST_TREE'] === undefined) makeTree(source)
    const copy = join(cluster.directory, 'copy')

    expect(await cluster.dfs(['put', '-r', source, '/a tree'])).toMatchObject({ code: 0 })
    await cluster.stop()
    await cluster.start()
    expect(await cluster.dfs(['get', '-r', '/a tree', copy])).toMatchObject({ code: 0 })

    expect(await run(['diff', '-r', '--no-dereference', source, copy])).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    })
    expect(executablesBelow(copy).sort()).toEqual(executablesBelow(source).sort())
  },
  WITHIN_MS,
)

/** Names that some layer between a command line and a database could mistake for something else. */
const NAMES = [
  'plain.txt',
  'with space',
  ' leading and trailing ',
  '.hidden',
  '...',
  '#fragment',
  '100%',
  '%2e%2e',
  '%2F',
  '%',
  'what?really',
  '?query=1&a=b',
  'plus+plus',
  'semi;colon',
  "quote'single",
  'quote"double',
  'back\\slash',
  'brace{}[]()',
  '$HOME',
  '`tick`',
  '-rf',
  '--',
  '~',
  'a:b',
  '*',
  '<pipe>|',
  'snow☃man',
  'fish🐟',
  'שלום',
  'x'.repeat(255),
  '€'.repeat(85),
  'undefined',
  '__proto__',
  'constructor',
  'null',
  '0',
] as const

const DIRECTORIES = 90
const FILES_EACH = 34
const LINKS_EACH = 4

function makeTree(root: string): void {
  mkdirSync(root)
  for (let number = 0; number < DIRECTORIES; number += 1) {
    const directory = join(root, `d${number % 9}`, directoryName(number))
    mkdirSync(join(directory, 'empty', 'nested and empty'), { recursive: true })
    for (let file = 0; file < FILES_EACH; file += 1) {
      const name = NAMES[(number + file) % NAMES.length]!
      writeFileSync(join(directory, name), content(number * FILES_EACH + file), {
        mode: file % 5 === 0 ? 0o755 : 0o644,
      })
    }
    for (let link = 0; link < LINKS_EACH; link += 1) {
      symlinkSync(TARGETS[(number + link) % TARGETS.length]!, join(directory, `link ${link}`))
    }
  }
}

/** The same letters composed and decomposed are two names; both, side by side where the file system can. */
function directoryName(number: number): string {
  const letters = 'Ärger in Österreich, é'
  const forms = [letters.normalize('NFC'), letters.normalize('NFD'), 'plain', 'sp ace', '#?%']
  return `${forms[number % forms.length]!} ${Math.floor(number / 45)}${process.platform === 'linux' ? '' : number}`
}

const TARGETS = [
  'plain.txt',
  'does not exist',
  '..',
  '../../..',
  '/etc/passwd',
  '/nowhere/at all',
  'link 0',
  './/odd/../path//',
  '%2e%2e/#?',
  'A\u030a and \u00c5',
  'new\nline',
  'y'.repeat(4000),
]

/** Mostly small, now and then empty or longer than one write for small files takes. */
function content(index: number): Uint8Array {
  const size = index % 611 === 0 ? 300_000 : index % 50 === 0 ? 0 : (index * 37) % 6000
  return Buffer.alloc(size, `content of file ${index}\n`)
}

/** Paths of the executable files, links not followed (a recursive readdir would, and for ever). */
function executablesBelow(root: string, below = ''): string[] {
  return readdirSync(join(root, below), { withFileTypes: true }).flatMap((entry) => {
    const path = join(below, entry.name)
    if (entry.isDirectory()) return executablesBelow(root, path)
    return entry.isFile() && (lstatSync(join(root, path)).mode & 0o100) !== 0 ? [path] : []
  })
}
