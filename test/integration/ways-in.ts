/** Files by every way in that people use, read back through every node. */
import { createHash } from 'node:crypto'
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { MIB } from '@dfs/protocol'
import { type ProgramEnd, type RealCluster, run, sha256At } from './real-cluster.ts'

export interface Sample {
  readonly path: string
  readonly name: string
  readonly sha256: string
}

/** Content that repeats nowhere within a chunk, so that a part in the wrong place shows. */
export function makeSample(cluster: RealCluster, size: number): Sample {
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
export type Way = (cluster: RealCluster, sample: Sample, path: string) => Promise<ProgramEnd>

const curl = (operands: readonly string[], input: Sample | null = null): Promise<ProgramEnd> =>
  run(
    ['curl', '-sS', '--fail-with-body', ...operands],
    {},
    input === null ? null : createReadStream(input.path),
  )

const fileUrl = (node: string, path: string): string => `${node}/v1/files/${encodeURI(path)}`

const EXPECTING = ['-H', 'Expect: 100-continue', '--expect100-timeout', '60'] as const
const NOT_EXPECTING = ['-H', 'Expect:'] as const

export const WAYS: readonly (readonly [string, Way])[] = [
  [
    'curl -T FILE',
    (cluster, { path }, to) => curl([...NOT_EXPECTING, '-T', path, fileUrl(cluster.masterUrl, to)]),
  ],
  [
    'curl -T FILE with Expect',
    (cluster, { path }, to) => curl([...EXPECTING, '-T', path, fileUrl(cluster.masterUrl, to)]),
  ],
  [
    'curl -T - of a pipe',
    (cluster, sample, to) => curl([...NOT_EXPECTING, '-T', '-', fileUrl(cluster.masterUrl, to)], sample),
  ],
  [
    'curl -T - of a pipe with Expect',
    (cluster, sample, to) => curl([...EXPECTING, '-T', '-', fileUrl(cluster.masterUrl, to)], sample),
  ],
  ['dfs put FILE', (cluster, { path }, to) => cluster.dfs(['put', path, `/${to}`])],
  ['dfs put -', (cluster, sample, to) => cluster.dfs(['put', '-', `/${to}`], createReadStream(sample.path))],
]

/** Exit code and complaint of the program, then the SHA-256 that each node gives. */
export async function roundTrip(
  cluster: RealCluster,
  { sample, path, send }: { sample: Sample; path: string; send: Way },
): Promise<readonly unknown[]> {
  const { code, stderr } = await send(cluster, sample, path)
  if (code !== 0) return [sample.name, code, stderr]
  const sums: string[] = []
  for (const node of cluster.nodeUrls) sums.push(await sha256At(fileUrl(node, path)))
  return [sample.name, code, ...sums]
}

export const flawless = (cluster: RealCluster, { name, sha256 }: Sample): readonly unknown[] => [
  name,
  0,
  ...cluster.nodeUrls.map(() => sha256),
]
