/** Which copy of the metadata is taken: the one that ends last, as far as it can be read; and which are none to choose from. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Answered } from '../../src/recover/history.ts'
import {
  findCopies,
  type HeldMetadata,
  orderCopies,
  rebuild,
  type Rebuilt,
} from '../../src/recover/metadata-copies.ts'
import { at, CLUSTER, Holders, holding, type Holder, MadeCopy } from './made-copy.ts'

let scratch: string
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'dfs-scratch-'))
})
afterEach(() => rmSync(scratch, { recursive: true }))

const answered = (names: readonly string[]): Answered[] =>
  names.map((name) => ({
    server: { id: 1, name, diskUid: `disk of ${name}`, internalAddress: name },
    testimony: {
      name,
      diskUid: `disk of ${name}`,
      clusterId: CLUSTER,
      seenEpoch: null,
      masterSilentMs: 0,
      servers: [],
    },
  }))

async function rebuildFrom(holders: Readonly<Record<string, Holder>>): Promise<Rebuilt & { read: string[] }> {
  const transport = new Holders(holders)
  const copies = await findCopies(transport, answered(Object.keys(holders)))
  const rebuilt = await rebuild(transport, orderCopies(copies, null), scratch)
  return { ...rebuilt, read: [...transport.read] }
}

describe('the copy that is taken', () => {
  it('is the newest and not the longest, and no other is fetched', async () => {
    using long = await MadeCopy.make(8)
    using newer = await MadeCopy.make(1, at(30))
    const made = await rebuildFrom({ long: holding(long), newer: holding(newer) })
    expect(made).toMatchObject({ from: { name: 'newer' }, position: at(31), read: ['newer'] })
  })

  it('is that of the later start, whatever transactions another has', async () => {
    using early = await MadeCopy.make(2, at(30))
    using late = await MadeCopy.make(1, at(32, 2, 'bb'.repeat(8)))
    const made = await rebuildFrom({ early: holding(early), late: holding(late) })
    expect(made.from.name).toBe('late')
  })

  it('counts up to where it is damaged, and the next best is taken if that has more', async () => {
    using one = await MadeCopy.make(6)
    using other = await MadeCopy.make(3)
    const spoilt = one.frames.map((frame, index) =>
      index === one.snapshot.length + 1
        ? frame.map((byte, place) => (place === 130 ? byte ^ 1 : byte))
        : frame,
    )
    const made = await rebuildFrom({ one: holding(one, spoilt), other: holding(other) })
    expect(made).toMatchObject({ from: { name: 'other' }, position: at(13) })
    expect(made.tried[0]).toMatchObject({ position: at(11), damage: expect.any(String) })
  })

  it('is the damaged one if that still has the most', async () => {
    using one = await MadeCopy.make(6)
    using other = await MadeCopy.make(2)
    const gap = one.frames.toSpliced(one.snapshot.length + 4, 1)
    const made = await rebuildFrom({ one: holding(one, gap), other: holding(other) })
    expect(made).toMatchObject({ from: { name: 'one' }, position: at(14), read: ['one'] })
    expect(made.tried[0]!.damage).toMatch(/after/)
  })

  it('counts up to where its last piece is torn', async () => {
    using one = await MadeCopy.make(3)
    const last = one.frames.at(-1)!
    const torn = [...one.frames.slice(0, -1), last.subarray(0, last.byteLength - 1)]
    expect(await rebuildFrom({ one: holding(one, torn) })).toMatchObject({ position: at(12) })
  })

  it('counts up to a piece of another cluster', async () => {
    using one = await MadeCopy.make(3)
    using foreign = await MadeCopy.make(3, at(10), 'c2'.repeat(16))
    const mixed = one.frames.toSpliced(one.snapshot.length + 1, 1, foreign.changes[1]!.bytes)
    const made = await rebuildFrom({ one: holding(one, mixed) })
    expect(made).toMatchObject({ position: at(11) })
    expect(made.tried[0]!.damage).toContain('c2c2')
  })

  it('is another one if a server fails in the middle of it', async () => {
    using one = await MadeCopy.make(6)
    using other = await MadeCopy.make(4)
    const made = await rebuildFrom({ one: { ...holding(one), failsAt: 1000 }, other: holding(other) })
    expect(made).toMatchObject({ from: { name: 'other' }, position: at(14) })
    expect(made.tried[0]!.damage).toContain('failed at byte')
  })

  it('is none if all are of no use: what is wrong with each is said, and what to do', async () => {
    using one = await MadeCopy.make(2)
    const broken = { ...holding(one), frames: one.frames.slice(1) }
    await expect(rebuildFrom({ one: broken })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      detail: expect.stringMatching(/one: .*--backup FILE/),
    })
  })
})

describe('copies that nobody can choose from', () => {
  const held = (name: string, change: Partial<HeldMetadata>): HeldMetadata => ({
    name,
    address: name,
    clusterId: CLUSTER,
    snapshot: at(1),
    position: at(9),
    damage: null,
    ...change,
  })
  const refusal = (copies: readonly HeldMetadata[], from: string | null = null): unknown => {
    try {
      return orderCopies(copies, from)
    } catch (error) {
      return error
    }
  }

  it('are none at all', () => {
    expect(refusal([])).toMatchObject({ code: 'UNAVAILABLE', detail: expect.stringContaining('--backup') })
  })

  it('are of two clusters', () => {
    const two = [held('a', {}), held('b', { clusterId: 'c2'.repeat(16) })]
    expect(refusal(two)).toMatchObject({ code: 'WRONG_CLUSTER' })
  })

  it.each([
    { what: 'one number and two starts', position: { ...at(20), nonce: 'bb'.repeat(8) } },
    { what: 'a later start that lacks transactions', position: at(5, 2, 'bb'.repeat(8)) },
  ])('are of two histories: $what; until somebody says whose it is to be', ({ position }) => {
    const two = [held('a', {}), held('b', { position })]
    expect(refusal(two)).toMatchObject({ detail: expect.stringMatching(/two histories.*--from NAME/) })
    expect(refusal(two, 'a')).toMatchObject([{ name: 'a' }])
    expect(refusal(two, 'c')).toMatchObject({ detail: expect.stringContaining('a, b') })
  })
})
