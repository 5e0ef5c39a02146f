/**
 * A copy is made on order: the bytes of the others up to the seal, checked before they are written and read back before they
 * count, from whoever gives them.
 */
import { DfsError, MIB } from '@dfs/protocol'
import { describe, expect, it } from 'vitest'
import { CopyWorld, isSame, LOG, makeLog, MIXED, NOTE, REPLICA, VOLUME } from './copy-world.ts'

describe('a copy that the master orders', () => {
  it('is byte for byte that of the others, and verified when it was read back', async () => {
    const world = await CopyWorld.open({ seed: 'ordinary' })
    world.order()
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(isSame(world.stored, MIXED.bytes)).toBe(true)
    expect(world.report).toEqual({
      volume: VOLUME,
      replica: REPLICA,
      state: 'sealed',
      lengthBytes: MIXED.bytes.byteLength,
      sealedLengthBytes: MIXED.bytes.byteLength,
      verifiedToBytes: MIXED.bytes.byteLength,
    })
    expect(world.note).toMatchObject({ formatVersion: 1, replica: REPLICA, state: 'sealed' })
    expect(world.complaints).toEqual([])
    expect([world.life.jobs.views(), world.damages]).toEqual([[], []])
    expect(world.life.figures.bytes).toBe(MIXED.bytes.byteLength)
  })

  it('is noted as being made before a byte of it is there, and as one like others only when all was read', async () => {
    const world = await CopyWorld.open({ seed: 'note first' })
    const steps: string[] = []
    world.node.disk.faultHook = ({ kind, name, at, bytes }) => {
      if (name === LOG && (kind === 'append' || kind === 'read'))
        steps.push(kind === 'append' ? 'write' : `read ${at}+${bytes}`)
      if (kind === 'rename' && name === `${NOTE}.tmp`) steps.push('note')
      return null
    }
    world.order()
    expect(await world.until(() => world.isMade)).toBe(true)
    const lastWrite = steps.lastIndexOf('write')
    expect(steps.slice(0, steps.indexOf('write'))).toContain('note')
    expect(lastWrite).toBeGreaterThan(3)
    // From the last write on: all of it is read, and only then the note says so.
    const after = steps.slice(lastWrite + 1)
    expect(after.at(-1)).toBe('note')
    expect(after.slice(0, -1)).toEqual([`read 0+${MIXED.bytes.byteLength}`])
  })

  it.each([0, 1])('may be of a volume with no more than %i records', async (count) => {
    const log = makeLog(Array.from({ length: count }, () => 5))
    const world = await CopyWorld.open({ seed: 'short', log })
    world.order()
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(isSame(world.stored, log.bytes)).toBe(true)
    expect(world.note).toMatchObject({ formatVersion: 1 })
  })

  it('costs no call, no write and no sync for each record', async () => {
    const log = makeLog(Array.from({ length: 3000 }, (_, index) => 300 + (index % 50)))
    const world = await CopyWorld.open({ seed: 'many', log, pieceBytes: MIB, syncBytes: 32 * MIB })
    const operations: string[] = []
    world.node.disk.faultHook = ({ kind, name }) => {
      if (name === LOG) operations.push(kind)
      return null
    }
    world.order()
    expect(await world.until(() => world.isMade)).toBe(true)
    const pieces = Math.ceil(log.bytes.byteLength / MIB)
    expect(world.sources[0]!.asked).toHaveLength(pieces)
    const count = (kind: string): number => operations.filter((one) => one === kind).length
    expect(count('append')).toBeLessThanOrEqual(2 * pieces)
    expect(count('sync')).toBeLessThanOrEqual(4)
    expect(count('read')).toBeLessThanOrEqual(4)
  })

  it('says how far it is while it is made', async () => {
    const world = await CopyWorld.open({ seed: 'progress', pieceBytes: 4096 })
    for (const { node } of world.sources)
      world.network.setLink(node.name, 'target', { latencyMsMin: 50, latencyMsMax: 60 })
    world.order()
    expect(await world.until(() => (world.view?.bytesDone ?? 0) > 20_000)).toBe(true)
    expect(world.view).toMatchObject({
      volume: VOLUME,
      replica: REPLICA,
      state: 'copying',
      why: null,
      bytesTotal: MIXED.bytes.byteLength,
      source: 2,
      lastError: null,
      failures: [],
      lost: [],
    })
    const [status] = world.life.workers.statuses().filter(({ name }) => name === 'copy-volumes')
    expect(status?.progress).toEqual({ done: world.view?.bytesDone, total: MIXED.bytes.byteLength })
    expect(world.report).toMatchObject({ state: 'sealed', verifiedToBytes: 0 })
  })

  it('is made with no more pieces in memory than two ahead', async () => {
    const world = await CopyWorld.open({ seed: 'ahead', pieceBytes: 4096 })
    let [underWay, most] = [0, 0]
    world.sources[0]!.onRead = async () => {
      underWay += 1
      most = Math.max(most, underWay)
      await world.sources[0]!.node.runtime.clock.sleep(5)
      underWay -= 1
    }
    world.order()
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(most).toBe(3)
  })
})

describe('a source', () => {
  it('that ends half way through is followed by the next one, and hardly anything is copied again', async () => {
    const world = await CopyWorld.open({ seed: 'source ends', pieceBytes: 4096 })
    const [first] = world.sources
    const half = MIXED.bytes.byteLength / 2
    world.order()
    expect(await world.until(() => world.life.figures.bytes > half)).toBe(true)
    first!.node.crash('power')
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(isSame(world.stored, MIXED.bytes)).toBe(true)
    const asked = world.sources.reduce((sum, { askedBytes }) => sum + askedBytes, 0)
    expect(asked).toBeLessThan(1.1 * MIXED.bytes.byteLength + 3 * 4096)
    expect(world.life.figures.bytes).toBe(MIXED.bytes.byteLength)
  })

  it('that hangs is waited for no longer than a piece may take', async () => {
    const world = await CopyWorld.open({ seed: 'hangs' })
    world.sources[0]!.onRead = () => new Promise(() => {})
    world.order()
    expect(await world.until(() => world.isMade, 5000)).toBe(true)
    expect(isSame(world.stored, MIXED.bytes)).toBe(true)
    expect(world.sources[1]!.askedBytes).toBeGreaterThan(0)
  })

  it('that is slow is left for another one', async () => {
    const log = makeLog(Array.from({ length: 40 }, () => 100_000))
    const world = await CopyWorld.open({ seed: 'slow', log, pieceBytes: 256 * 1024 })
    const [slow, quick] = world.sources
    slow!.onRead = () => slow!.node.runtime.clock.sleep(1500)
    world.order()
    expect(await world.until(() => world.isMade, 20_000)).toBe(true)
    expect(slow!.asked.length).toBeLessThanOrEqual(5)
    expect(quick!.askedBytes).toBeGreaterThan(0.6 * log.bytes.byteLength)
  })

  it('that refuses is asked again later, and the copy says what it waits for', async () => {
    const world = await CopyWorld.open({ seed: 'refuses' })
    let isRefusing = true
    for (const source of world.sources) {
      source.onRead = () => {
        if (isRefusing) throw new DfsError('VOLUME_NOT_FOUND', 'not here')
      }
    }
    world.order()
    await world.pass(10_000)
    expect(world.view).toMatchObject({
      state: 'waiting',
      why: 'no source gives bytes at the moment',
      lastError: { code: 'VOLUME_NOT_FOUND', server: expect.any(Number) },
      bytesDone: 0,
    })
    const tries = world.view!.failures.map(({ tries: count }) => count)
    expect(tries.length).toBe(2)
    expect(Math.min(...tries)).toBeGreaterThan(2)
    expect(world.sources[0]!.asked.length, 'less and less often').toBeLessThan(20)
    const status = world.life.workers.statuses().find(({ name }) => name === 'copy-volumes')
    expect(status).toMatchObject({ state: 'waiting', why: 'no source gives bytes at the moment' })
    isRefusing = false
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(world.complaints.every((message) => message === 'a copy waits')).toBe(true)
  })

  it('that the master names later is asked then', async () => {
    const world = await CopyWorld.open({ seed: 'named later' })
    world.order({ sources: [] })
    await world.pass(3000)
    expect(world.view).toMatchObject({
      state: 'waiting',
      why: 'the master names no source that could be asked',
    })
    world.order()
    expect(await world.until(() => world.isMade, 5000)).toBe(true)
  })

  it('that is this server itself is none', async () => {
    const world = await CopyWorld.open({ seed: 'itself' })
    world.order({
      sources: [
        { server: 1, replica: REPLICA },
        { server: 3, replica: 13 },
      ],
    })
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(world.sources[0]!.asked).toEqual([])
  })
})
