/** Copies of the metadata at rest: damage is a finding, what an interrupted append leaves is none. */
import { concatBytes, writeDurably } from '@dfs/core'
import {
  copyFileName,
  encodeChanges,
  encodeSnapshotEnd,
  encodeSnapshotPiece,
  METADATA_COPIES_DIRECTORY,
} from '@dfs/metadata-copy'
import { crc32 } from '@dfs/node-runtime'
import { type DiskFault, SimNetwork, simNode, Simulation, uncompressed } from '@dfs/sim-runtime'
import { expect, it } from 'vitest'
import { Findings } from '../src/index.ts'
import { checkMetadataCopies } from '../src/metadata-copies.ts'

const codec = { crc32, compression: uncompressed }
const origin = { clusterId: '00'.repeat(16), schema: 11 }
const at = (sequence: number) => ({ counter: 1, nonce: '0123456789abcdef', sequence })
const place = { ...origin, position: at(10), fileBytes: 700 }
const piece = await encodeSnapshotPiece({ ...place, offset: 0, raw: new Uint8Array(700).fill(7) }, codec)
const end = await encodeSnapshotEnd(place, codec)
const SNAPSHOT = copyFileName('snapshot', at(10))
const CHANGES = copyFileName('changes', at(10))

const changes = (from: number, bytes = 50): Promise<Uint8Array> =>
  encodeChanges(
    { ...origin, from: at(from), to: at(from + 1), changeSets: [new Uint8Array(bytes).fill(from)] },
    codec,
  )

const damaged = (bytes: Uint8Array, place: number): Uint8Array => {
  const copy = bytes.slice()
  copy[place]! ^= 4
  return copy
}

/** What is found in these files, by name. */
async function found(
  files: Readonly<Record<string, Uint8Array>>,
  fault: (name: string) => DiskFault | null = () => null,
): Promise<string[]> {
  const simulation = new Simulation('metadata copies')
  const node = simNode(new SimNetwork(simulation), 'server')
  const { disk } = node.runtime
  return await simulation.complete(async () => {
    if (Object.keys(files).length > 0) await disk.makeDirectory(METADATA_COPIES_DIRECTORY)
    for (const [name, bytes] of Object.entries(files)) {
      await writeDurably(disk, `${METADATA_COPIES_DIRECTORY}/${name}`, bytes)
    }
    node.disk.faultHook = ({ kind, name }) => (kind === 'read' ? fault(name) : null)
    const findings = new Findings()
    const options = { serverName: 'server', disk, crc32, findings, onBytes: () => {}, signal: undefined }
    await checkMetadataCopies(options)
    return findings.report().findings.map(({ kind, where, detail }) => `${kind} | ${where} | ${detail}`)
  })
}

it('are no fault while they are whole, nor are any missed', async () => {
  expect(await found({})).toEqual([])
  const segment = concatBytes([await changes(10), await changes(11)])
  expect(await found({ [SNAPSHOT]: concatBytes([piece, end]), [CHANGES]: segment })).toEqual([])
})

it('are damaged if any byte of a complete snapshot is wrong', async () => {
  const whole = concatBytes([piece, end])
  for (let byte = 0; byte < piece.byteLength; byte += 1) {
    expect(await found({ [SNAPSHOT]: damaged(whole, byte) }), `byte ${byte}`).toEqual([
      `metadata-copy-damaged | server | metadata-copies/${SNAPSHOT}: damaged at byte 0 of ${whole.byteLength}`,
    ])
  }
})

it('may have been interrupted: what an append has left is at the end', async () => {
  const two = concatBytes([await changes(10), await changes(11)])
  expect(await found({ [SNAPSHOT]: piece.subarray(0, -1), [CHANGES]: two.subarray(0, -1) })).toEqual([])
  expect(await found({ [CHANGES]: damaged(two, 130) })).toEqual([])
  // So much is never in one append.
  const [first, ...more] = await Promise.all([10, 11, 12, 13].map((from) => changes(from, 3_000_000)))
  const long = concatBytes([damaged(first!, 130), ...more])
  expect(await found({ [CHANGES]: long })).toEqual([
    `metadata-copy-damaged | server | metadata-copies/${CHANGES}: damaged at byte 0 of ${long.byteLength}`,
  ])
})

it('are damaged if the disk cannot read them, and no others', async () => {
  const files = { [SNAPSHOT]: concatBytes([piece, end]), [CHANGES]: await changes(10) }
  const findings = await found(files, (name) =>
    name.endsWith(CHANGES) ? { kind: 'error', error: 'io' } : null,
  )
  expect(findings).toEqual([expect.stringContaining(CHANGES)])
})

it('that were set aside were said to be damaged already', async () => {
  expect(await found({ [`${SNAPSHOT}.damaged`]: new Uint8Array(500) })).toEqual([])
})
