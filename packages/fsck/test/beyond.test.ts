/** What is behind the committed end of a volume (R4, R6): what a crash leaves is told from what was acknowledged and is lost. */
import { concatBytes, type Disk, type DiskFile } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import { type CopyState, frameRecord, sumContent, type Witness } from '@dfs/volume'
import { expect, it } from 'vitest'
import { Beyond } from '../src/beyond.ts'
import { type Finding, Findings } from '../src/index.ts'
import { type History } from '../src/metadata.ts'
import { Past } from '../src/past.ts'

const VOLUME = 7
const SALT = '0123456789abcdef'
const [OLD_NONCE, NONCE] = ['0'.repeat(16), 'a'.repeat(16)]
const STATE: CopyState = {
  formatVersion: 1,
  order: {
    volume: VOLUME,
    kind: 'small',
    salt: SALT,
    primary: { server: 1, incarnation: 1 },
    replicas: [{ replica: 1, server: 1, incarnation: 1 }],
  },
  replica: 1,
  state: 'open',
  sealedLengthBytes: null,
  verifiedToBytes: 0,
}

interface Wish {
  readonly committedEnd?: number
  readonly witness?: Witness
}

/** Three records, of which the metadata knows the first; the second and the third say of the master what is wished. */
function logOf([second, third]: readonly [Wish, Wish]): { bytes: Uint8Array; ends: number[] } {
  let bytes: Uint8Array = new Uint8Array()
  const ends: number[] = []
  for (const [index, { committedEnd = 0, witness = null }] of [{}, second, third].entries() as Iterable<
    [number, Wish]
  >) {
    const identity = { server: 1, incarnation: 1, requestNumber: index, start: 0, committedEnd, witness }
    const record = frameRecord(
      { ...identity, volume: VOLUME, offset: bytes.length, path: `/file-${index}` },
      sumContent([new Uint8Array(500).fill(index)], crc32),
      { salt: Uint8Array.fromHex(SALT), crc32 },
    )
    bytes = concatBytes([bytes, ...record.pieces])
    ends.push(bytes.length)
  }
  return { bytes, ends }
}

const SIZE = logOf([{}, {}]).ends[0]!

/** The metadata: 100 transactions in the second start, which began at 50; a history may have begun with a later start. */
const historyOf = (begunWith: number): History => ({
  now: { counter: 2, nonce: NONCE, sequence: 100 },
  starts: [
    { counter: 1, nonce: OLD_NONCE, sequence: 1 },
    { counter: 2, nonce: NONCE, sequence: 50 },
  ],
  begunWith,
})

const diskOf = (bytes: Uint8Array): Pick<Disk, 'open'> => ({
  open: async () =>
    ({
      size: async () => bytes.length,
      readInto: async (at, buffer) => {
        const piece = bytes.subarray(at, at + buffer.length)
        buffer.set(piece)
        return piece.length
      },
      close: async () => {},
    }) as DiskFile,
})

async function lookAt(
  wishes: readonly [Wish, Wish],
  { committedEnd = SIZE, historyCounter = 0 } = {},
): Promise<readonly Finding[]> {
  const beyond = new Beyond(new Past(historyOf(historyCounter)), crc32)
  const { bytes } = logOf(wishes)
  for (const serverName of ['two', 'one']) {
    await beyond.look({ disk: diskOf(bytes), serverName, state: STATE, committedEnd })
  }
  const findings = new Findings()
  beyond.report(findings)
  return findings.report().findings
}

const HARMLESS: [string, readonly [Wish, Wish]][] = [
  ['without a word of the master', [{ committedEnd: SIZE }, { committedEnd: SIZE }]],
  [
    'of a primary that had seen no more than there is',
    [{}, { witness: { counter: 2, nonce: NONCE, sequence: 100 } }],
  ],
  [
    'of the start before, and of no more than it had',
    [{}, { witness: { counter: 1, nonce: OLD_NONCE, sequence: 50 } }],
  ],
]
it.each(HARMLESS)('is no finding if it is a tail: %s', async (_, wishes) => {
  expect(await lookAt(wishes)).toEqual([])
})

it('is a finding if a later header counts it as committed, once for all copies', async () => {
  expect(await lookAt([{}, { committedEnd: 2 * SIZE }])).toEqual([
    {
      kind: 'write-unknown',
      where: 'volume 7 on one, two',
      detail: '1 that the metadata does not know, of "/file-1"',
    },
  ])
})

it('is a finding in a volume of which the metadata knows nothing', async () => {
  const [finding] = await lookAt([{ committedEnd: SIZE }, {}], { committedEnd: 0 })
  expect(finding?.detail).toContain('"/file-0"')
})

const LOST: [string, Witness][] = [
  ['a later transaction', { counter: 2, nonce: NONCE, sequence: 101 }],
  ['a later start', { counter: 3, nonce: NONCE, sequence: 10 }],
  ['another start of the same number', { counter: 2, nonce: OLD_NONCE, sequence: 60 }],
  ['more of the start before than it had', { counter: 1, nonce: OLD_NONCE, sequence: 51 }],
  ['another one before', { counter: 1, nonce: NONCE, sequence: 10 }],
]
it.each(LOST)('is a finding if its primary had seen %s', async (_, witness) => {
  const [finding] = await lookAt([{}, { witness }])
  expect(finding?.detail).toContain('"/file-2"')
})

it('is no finding if a new history has given it up', async () => {
  const witness = { counter: 3, nonce: NONCE, sequence: 101 }
  expect(await lookAt([{}, { witness, committedEnd: 2 * SIZE }], { historyCounter: 1000 })).toEqual([])
  expect(await lookAt([{}, { witness }], { historyCounter: 3 })).toHaveLength(1)
})
