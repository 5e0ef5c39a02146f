/**
 * Files of every critical size, by every way in that people use, read back through every node; and what that costs the
 * services in memory. DFS_TEST_LARGE_MIB says how large the large file is.
 */
import { createHash } from 'node:crypto'
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BLOCK_SIZE_BYTES, CHUNK_SIZE_BYTES, MIB, SMALL_WRITE_BYTES_MAX } from '@dfs/protocol'
import { type ProgramEnd, RealCluster, run, sha256At } from './real-cluster.ts'

const WITHIN_MS = 10 * 60_000
const RESIDENT_MIB_MAX = 300
const LARGE_BYTES = Number(process.env['DFS_TEST_LARGE_MIB'] ?? 192) * MIB

const around = (size: number): number[] => [size - 1, size, size + 1]
const SIZES = [
  0,
  1,
  ...around(BLOCK_SIZE_BYTES),
  ...around(SMALL_WRITE_BYTES_MAX),
  ...around(CHUNK_SIZE_BYTES),
]

interface Sample {
  readonly path: string
  readonly name: string
  readonly sha256: string
}

let cluster: RealCluster
let samples: Sample[]
let large: Sample

beforeAll(async () => {
  cluster = await RealCluster.start()
  samples = SIZES.map((size) => makeSample(size))
  large = makeSample(LARGE_BYTES)
}, WITHIN_MS)
afterAll(() => cluster.end(), WITHIN_MS)

/** Content that repeats nowhere within a chunk, so that a part in the wrong place shows. */
function makeSample(size: number): Sample {
  const name = `${size} bytes`
  const path = join(cluster.directory, name)
  const hash = createHash('sha256')
  const file = openSync(path, 'w')
  const piece = Buffer.alloc(MIB)
  for (let at = 0; at < size; at += piece.length) {
    for (let word = 0; word < piece.length; word += 4) piece.writeUInt32LE((at + word) ^ 0x5bd1e995, word)
    const part = piece.subarray(0, Math.min(piece.length, size - at))
    hash.update(part)
    writeSync(file, part)
  }
  closeSync(file)
  return { path, name, sha256: hash.digest('hex') }
}

/** A way in: how a sample gets to a path. */
type Way = (sample: Sample, path: string) => Promise<ProgramEnd>

const curl = (operands: readonly string[], input: Sample | null = null): Promise<ProgramEnd> =>
  run(
    ['curl', '-sS', '--fail-with-body', ...operands],
    {},
    input === null ? null : createReadStream(input.path),
  )

const fileUrl = (node: string, path: string): string => `${node}/v1/files/${encodeURI(path)}`

const EXPECTING = ['-H', 'Expect: 100-continue', '--expect100-timeout', '60'] as const
const NOT_EXPECTING = ['-H', 'Expect:'] as const

const WAYS: readonly (readonly [string, Way])[] = [
  ['curl -T FILE', ({ path }, to) => curl([...NOT_EXPECTING, '-T', path, fileUrl(cluster.masterUrl, to)])],
  [
    'curl -T FILE with Expect',
    ({ path }, to) => curl([...EXPECTING, '-T', path, fileUrl(cluster.masterUrl, to)]),
  ],
  [
    'curl -T - of a pipe',
    (sample, to) => curl([...NOT_EXPECTING, '-T', '-', fileUrl(cluster.masterUrl, to)], sample),
  ],
  [
    'curl -T - of a pipe with Expect',
    (sample, to) => curl([...EXPECTING, '-T', '-', fileUrl(cluster.masterUrl, to)], sample),
  ],
  ['dfs put FILE', ({ path }, to) => cluster.dfs(['put', path, `/${to}`])],
  ['dfs put -', (sample, to) => cluster.dfs(['put', '-', `/${to}`], createReadStream(sample.path))],
]

describe.each(WAYS)('%s', (way, send) => {
  it(
    'stores every size, and every node gives it back',
    async () => {
      for (const sample of samples) {
        expect(await roundTrip(sample, `${way}/${sample.name}`, send)).toEqual(flawless(sample))
      }
    },
    WITHIN_MS,
  )
})

describe('a large file', () => {
  it.each([WAYS[3]!, WAYS[4]!])(
    'by %s, within bounded memory',
    async (way, send) => {
      expect(await roundTrip(large, `large/${way}`, send)).toEqual(flawless(large))
      expect(cluster.peakResidentMib()).toBeLessThan(RESIDENT_MIB_MAX)
    },
    WITHIN_MS,
  )
})

/** Exit code and complaint of the program, then the SHA-256 that each node gives. */
async function roundTrip(sample: Sample, path: string, send: Way): Promise<readonly unknown[]> {
  const { code, stderr } = await send(sample, path)
  if (code !== 0) return [sample.name, code, stderr]
  const sums: string[] = []
  for (const node of cluster.nodeUrls) sums.push(await sha256At(fileUrl(node, path)))
  return [sample.name, code, ...sums]
}

const flawless = ({ name, sha256 }: Sample): readonly unknown[] => [
  name,
  0,
  ...cluster.nodeUrls.map(() => sha256),
]
