/** A database made again from a copy of the metadata: what does not fit is not applied, and what was before it stands (R25). */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type CopyPart, readCopy } from '@dfs/metadata-copy'
import { crc32, zstd } from '@dfs/node-runtime'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Replayed, replayCopy } from '../../src/local/replayed-copy.ts'
import { at, MadeCopy } from './made-copy.ts'

let copy: MadeCopy

beforeEach(async () => {
  copy = await MadeCopy.make(5)
})
afterEach(() => copy[Symbol.dispose]())

const file = (): string => join(copy.directory, 'replayed.db')

const partsOf = async (frames: readonly Uint8Array[]): Promise<CopyPart[]> =>
  await Array.fromAsync(readCopy(frames, { clusterId: null, crc32, compression: zstd }))

async function* given(parts: readonly CopyPart[]): AsyncGenerator<CopyPart> {
  yield* parts
}

const replay = (parts: readonly CopyPart[]): Promise<Replayed> => replayCopy(given(parts), file())

function rows(path: string): unknown[] {
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    return ['state', 'things'].map((table) => database.prepare(`SELECT * FROM ${table} ORDER BY 1`).all())
  } finally {
    database.close()
  }
}

it('has the same rows as the original, and says where it is', async () => {
  const made = await replay(await partsOf(copy.frames))
  expect(made).toMatchObject({ position: at(15), damage: null })
  expect(rows(file())).toEqual(rows(join(copy.directory, 'metadata.db')))
})

it('makes nothing of a snapshot that is not complete', async () => {
  const made = await replay(await partsOf(copy.snapshot.slice(0, -1)))
  expect(made.position).toBeNull()
})

it('makes nothing of a file that is no database, whatever its pieces say', async () => {
  const parts = await partsOf(copy.snapshot)
  const spoilt = parts.map((part) =>
    part.kind === 'snapshot' ? { ...part, bytes: part.bytes.map((byte) => byte ^ 1) } : part,
  )
  expect(await replay(spoilt)).toMatchObject({ position: null, damage: expect.stringContaining('database') })
})

it('makes nothing of a database that SQLite finds broken', async () => {
  const parts = await partsOf(copy.frames)
  const spoilt = parts.map((part) =>
    // The number of free pages, in the header of the database.
    part.kind === 'snapshot' && part.offset === 0 ? { ...part, bytes: withByte(part.bytes, 39, 9) } : part,
  )
  const made = await replay(spoilt)
  expect(made.position).toBeNull()
  expect(made.damage).not.toBeNull()
})

function withByte(bytes: Uint8Array, place: number, value: number): Uint8Array {
  const changed = Uint8Array.from(bytes)
  changed[place] = value
  return changed
}

describe('change sets that do not fit', () => {
  const changes = async (): Promise<{ before: CopyPart[]; frames: (CopyPart & { kind: 'changes' })[] }> => {
    const parts = await partsOf(copy.frames)
    return {
      before: parts.filter(({ kind }) => kind === 'snapshot' || kind === 'snapshotEnd'),
      frames: parts.filter((part) => part.kind === 'changes'),
    }
  }

  it('end it at a gap, and nothing behind that is applied', async () => {
    const { before, frames } = await changes()
    const made = await replay([...before, ...frames.slice(0, 2), ...frames.slice(3)])
    expect(made).toMatchObject({ position: at(12), damage: expect.stringContaining('do not fit') })
    expect(rows(file())).toMatchObject([[{ sequence: 12 }], [{ id: 11 }, { id: 12 }]])
  })

  it('end it where a piece holds less than it says', async () => {
    const { before, frames } = await changes()
    const [first, second] = frames.slice(1, 3).map(({ changeSets }) => changeSets)
    const both = { ...frames[1]!, to: frames[2]!.to, changeSets: [...first!, ...second!] }
    expect(await replay([...before, frames[0]!, both])).toMatchObject({ position: at(13) })

    const torn = { ...both, changeSets: first! }
    const made = await replay([...before, frames[0]!, torn, frames[3]!])
    expect(made).toMatchObject({ position: at(11), damage: expect.stringContaining('the database says') })
    expect(rows(file()), 'nothing of that piece').toMatchObject([[{ sequence: 11 }], [{ id: 11 }]])
  })

  it('end it where they are none at all', async () => {
    const { before, frames } = await changes()
    const stranger = { ...frames[1]!, changeSets: [Uint8Array.of(1, 2, 3)] }
    expect(await replay([...before, frames[0]!, stranger])).toMatchObject({ position: at(11) })
  })
})
