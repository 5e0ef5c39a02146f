/**
 * Wrong bytes at a source never become wrong bytes of a copy: they are seen before they are written, others are asked, and the
 * holder is told. What nobody has whole is named, and the copy does not count.
 */
import { DfsError } from '@dfs/protocol'
import { describe, expect, it } from 'vitest'
import { CopyWorld, isSame, LOG, makeLog, MIXED, REPLICA, VOLUME } from './copy-world.ts'

/** Places in the header and in the content of a few records, short ones and one of several blocks. */
const PLACES = [0, 3, 40, 44].flatMap((index) => {
  const start = MIXED.starts[index]!
  return [start + 1, start + 20, start + 90, Math.min(start + 70_000, MIXED.starts[index + 1]! - 1)]
})

/** What was ever written to the log of the copy, as it was when each write began to count. */
function watchWrites(world: CopyWorld): { wrongWrites: number } {
  const seen = { wrongWrites: 0 }
  const { disk } = world.node
  let before = 0
  disk.faultHook = ({ kind, name }) => {
    if (name !== LOG || kind === 'append' || kind === 'write') return null
    const stored = world.stored
    if (stored.byteLength > before && !isSame(stored, MIXED.bytes.slice(0, stored.byteLength)))
      seen.wrongWrites += 1
    before = stored.byteLength
    return null
  }
  return seen
}

describe('a wrong bit at one source', () => {
  it('is never written, wherever it is; the record comes from another one, and the holder is told', async () => {
    for (const place of PLACES) {
      const world = await CopyWorld.open({ seed: `bit at ${place}` })
      world.sources[0]!.flip(place)
      const seen = watchWrites(world)
      world.order()
      expect(await world.until(() => world.isMade), `at ${place}`).toBe(true)
      expect(isSame(world.stored, MIXED.bytes), `at ${place}`).toBe(true)
      expect(seen.wrongWrites).toBe(0)
      const index = MIXED.starts.findLastIndex((start) => start <= place)
      const offset = MIXED.starts[index]!
      const recordSize = MIXED.starts[index + 1]! - offset
      expect(world.damages).toEqual([{ volume: VOLUME, server: 2, offset, recordSize }])
    }
  })

  it('in every record makes it the last to be asked, and nothing wrong comes of it', async () => {
    const world = await CopyWorld.open({ seed: 'all wrong', pieceBytes: 4096 })
    world.sources[0]!.flip(...MIXED.starts.map((start) => start + 40))
    world.order()
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(isSame(world.stored, MIXED.bytes)).toBe(true)
    expect(world.damages.length).toBeLessThan(20)
    expect(world.sources[0]!.askedBytes).toBeLessThan(MIXED.bytes.byteLength / 4)
  })

  it('that only its way here has turned is no harm', async () => {
    const world = await CopyWorld.open({ seed: 'on the way', sources: 1 })
    const [source] = world.sources
    const right = source!.bytes
    const wrong = right.slice()
    wrong[MIXED.starts[5]! + 30]! ^= 1
    let count = 0
    source!.onRead = () => {
      count += 1
      source!.bytes = count === 1 ? wrong : right
    }
    world.order()
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(isSame(world.stored, MIXED.bytes)).toBe(true)
  })
})

describe('several damaged sources', () => {
  it('give a whole copy as long as each part of a record is right somewhere', async () => {
    const world = await CopyWorld.open({ seed: 'parts' })
    const [start, next] = [MIXED.starts[40]!, MIXED.starts[41]!]
    // The header is wrong at one of them, the first and the last block at the other.
    world.sources[0]!.flip(start + 20)
    world.sources[1]!.flip(start + 500, next - 1)
    world.order()
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(isSame(world.stored, MIXED.bytes)).toBe(true)
    const told = world.damages.map(({ server, offset }) => `${server} at ${offset}`)
    expect(new Set(told), 'both are mended').toEqual(new Set([`2 at ${start}`, `3 at ${start}`]))
  })

  it.each([
    ['a block', 500, { path: '/file 40' }],
    ['the header', 20, {}],
  ])(
    'that all have %s of one record wrong leave a hole there, and nowhere else',
    async (_what, place, named) => {
      const world = await CopyWorld.open({ seed: `lost ${place}` })
      const [at, end] = [MIXED.starts[40]!, MIXED.starts[41]!]
      for (const source of world.sources) source.flip(at + place)
      world.order()
      expect(await world.until(() => world.view?.state === 'incomplete')).toBe(true)
      expect(world.view).toMatchObject({
        replica: REPLICA,
        bytesDone: MIXED.bytes.byteLength - (end - at),
        lost: [{ at, end, ...named }],
        lostBytes: end - at,
      })
      expect(world.report).toMatchObject({ state: 'sealed', verifiedToBytes: at })
      expect(world.note, 'a damaged copy like others, which is mended as they are').toMatchObject({
        formatVersion: 1,
        state: 'sealed',
        verifiedToBytes: at,
      })
      const { stored } = world
      expect(isSame(stored.slice(0, at), MIXED.bytes.slice(0, at))).toBe(true)
      expect(isSame(stored.slice(end), MIXED.bytes.slice(end))).toBe(true)
      const differing = stored.slice(at, end).filter((byte, index) => byte !== MIXED.bytes[at + index])
      expect(differing, 'the rest of the record is there as well: a reader may need no more').toHaveLength(1)
      const told = world.damages.map(({ server, offset }) => [server, offset])
      expect(told).toEqual(
        expect.arrayContaining([
          [2, at],
          [3, at],
        ]),
      )
      expect(world.life.store.unverified().map(({ state }) => state.replica)).toEqual([REPLICA])
    },
  )

  it('are asked again, if the one that may have the record did not answer', async () => {
    const world = await CopyWorld.open({ seed: 'silent' })
    const [first, second] = world.sources
    first!.flip(MIXED.starts[7]! + 30)
    let isSilent = true
    second!.onRead = () => {
      if (isSilent) throw new DfsError('UNAVAILABLE', 'it is busy')
    }
    world.order()
    expect(await world.until(() => world.view?.state === 'waiting')).toBe(true)
    expect(world.view).toMatchObject({
      why: 'some records are missing still',
      lostBytes: MIXED.starts[8]! - MIXED.starts[7]!,
    })
    isSilent = false
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(isSame(world.stored, MIXED.bytes)).toBe(true)
  })

  it('end the work for good if nobody answers for it several times; the rest is there', async () => {
    const world = await CopyWorld.open({ seed: 'silent for good' })
    const [first, second] = world.sources
    first!.flip(MIXED.starts[7]! + 30)
    second!.onRead = () => {
      throw new DfsError('UNAVAILABLE', 'it is busy')
    }
    world.order()
    expect(await world.until(() => world.view?.state === 'incomplete')).toBe(true)
    expect(world.view!.failures).toEqual([{ server: 3, tries: expect.any(Number) }])
    expect(world.report).toMatchObject({ state: 'sealed', verifiedToBytes: MIXED.starts[7] })
  })
})

describe('a source whose disk cannot read a place', () => {
  const log = makeLog(Array.from({ length: 400 }, (_, index) => 900 + index))
  const [bad] = [log.starts[200]! + 300]
  const refusing = (world: CopyWorld, server: number, place: number): void => {
    world.sources[server]!.onRead = (offset, size) => {
      if (offset <= place && place < offset + size) throw new DfsError('DAMAGED', 'the disk cannot read it')
    }
  }

  it('is passed over there', async () => {
    const world = await CopyWorld.open({ seed: 'sector', log })
    refusing(world, 0, bad)
    world.order()
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(isSame(world.stored, log.bytes)).toBe(true)
  })

  it('gives all around it, if the others cannot read elsewhere', async () => {
    const world = await CopyWorld.open({ seed: 'two sectors', log, pieceBytes: 1024 * 1024 })
    refusing(world, 0, bad)
    refusing(world, 1, log.starts[201]! + 300)
    world.order()
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(isSame(world.stored, log.bytes)).toBe(true)
  })

  it('leaves a hole if it is the only one, and is told', async () => {
    const world = await CopyWorld.open({ seed: 'only one', log, sources: 1 })
    refusing(world, 0, bad)
    world.order()
    expect(await world.until(() => world.view?.state === 'incomplete')).toBe(true)
    const [at, end] = [log.starts[200]!, log.starts[201]!]
    expect(world.view!.lost).toEqual([{ at, end, path: '/file 200' }])
    expect(world.damages).toContainEqual({ volume: VOLUME, server: 2, offset: at, recordSize: end - at })
  })

  it('that is shorter than it should be gives what it has, and the next one the rest', async () => {
    const world = await CopyWorld.open({ seed: 'shorter', log })
    world.sources[0]!.bytes = log.bytes.slice(0, log.starts[100]! + 17)
    world.order()
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(isSame(world.stored, log.bytes)).toBe(true)
    expect(world.sources[0]!.askedBytes).toBeGreaterThan(0)
  })
})

describe('what the disk here does not keep', () => {
  it('is seen when it is read back, and written again', async () => {
    const world = await CopyWorld.open({ seed: 'lost write' })
    let lostWrites = 0
    world.node.disk.faultHook = ({ kind, name, at }) => {
      if (kind !== 'append' || name !== LOG || at < 100_000 || lostWrites > 0) return null
      lostWrites += 1
      return { kind: 'lost' }
    }
    world.order()
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(lostWrites).toBe(1)
    expect(isSame(world.stored, MIXED.bytes)).toBe(true)
  })

  it('is given up if it stays that way', async () => {
    const world = await CopyWorld.open({ seed: 'lost writes' })
    let flipped = 0
    world.node.disk.faultHook = ({ kind, name, at }) => {
      if (kind !== 'read' || name !== LOG || at > 0) return null
      flipped += 1
      return { kind: 'flip', at: 50, bit: 3 }
    }
    world.order()
    expect(await world.until(() => world.view?.state === 'failed')).toBe(true)
    expect(world.report).toMatchObject({ state: 'failed' })
    expect(flipped).toBeGreaterThan(3)
  })
})
