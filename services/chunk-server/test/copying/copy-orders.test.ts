/** What the master says while a copy is made, and what a disk without room does: when it ends, and that nothing goes on after. */
import { DiskError } from '@dfs/core'
import { DfsError, makeId } from '@dfs/protocol'
import { describe, expect, it } from 'vitest'
import { CopyWorld, isSame, LOG, MIXED, NOTE, REPLICA, VOLUME } from './copy-world.ts'

const SLOW = { latencyMsMin: 40, latencyMsMax: 50 }

/** A copy that is half made, with the next pieces on their way. */
async function halfMade(seed: string): Promise<CopyWorld> {
  const world = await CopyWorld.open({ seed, pieceBytes: 4096 })
  for (const { node } of world.sources) world.network.setLink(node.name, 'target', SLOW)
  world.order()
  expect(await world.until(() => world.life.figures.bytes > MIXED.bytes.byteLength / 2)).toBe(true)
  return world
}

const dropOf = (replica = REPLICA) => ({ kind: 'drop', volume: VOLUME, replica }) as const

describe('an order to drop a copy that is being made', () => {
  it('ends it: its files go, and nothing is written or asked for after that', async () => {
    const world = await halfMade('drop')
    const operations: string[] = []
    world.node.disk.faultHook = ({ kind, name }) => {
      if (name.startsWith('volumes/')) operations.push(`${kind} ${name}`)
      return null
    }
    world.life.orders.accept([dropOf()], world.epoch)
    expect(await world.until(() => world.node.disk.peek(NOTE) === null)).toBe(true)
    const asked = world.sources[0]!.asked.length
    await world.pass(10_000)
    expect(world.life.orders.takeDone().dropped).toEqual([{ volume: VOLUME, replica: REPLICA }])
    expect([world.node.disk.peek(LOG), world.report, world.life.jobs.views()]).toEqual([null, null, []])
    expect(operations.slice(operations.indexOf(`remove ${LOG}`) + 1)).toEqual([
      `remove ${NOTE}.tmp`,
      `remove ${NOTE}`,
    ])
    expect(world.sources[0]!.asked.length).toBe(asked)
    expect(world.node.log.lines.filter(({ level }) => level === 'error')).toEqual([])
  })

  it('at any time: it is gone, whatever was under way', async () => {
    for (let at = 0; at < 60; at += 1) {
      const world = await CopyWorld.open({ seed: `drop at ${at}`, pieceBytes: 16_384, syncBytes: 30_000 })
      world.order()
      await world.pass(at / 3)
      world.life.orders.accept([dropOf()], world.epoch)
      await world.pass(20_000)
      expect(world.life.orders.takeDone().dropped, `at ${at}`).toEqual([{ volume: VOLUME, replica: REPLICA }])
      const left = [world.node.disk.peek(LOG), world.node.disk.peek(NOTE), world.report]
      expect(left, `at ${at}`).toEqual([null, null, null])
      expect(world.life.jobs.views()).toEqual([])
    }
  })

  it('that comes before the order to make it was taken up leaves nothing to make', async () => {
    const world = await CopyWorld.open({ seed: 'drop first' })
    world.life.orders.accept([world.orderOf(), dropOf()], world.epoch)
    await world.pass(5000)
    expect(world.life.orders.takeDone().dropped).toEqual([{ volume: VOLUME, replica: REPLICA }])
    expect([world.node.disk.peek(LOG), world.node.disk.peek(NOTE), world.view]).toEqual([
      null,
      null,
      undefined,
    ])
  })

  it('that waits to be begun leaves nothing to begin', async () => {
    const world = await CopyWorld.open({ seed: 'drop what waits' })
    world.node.disk.faultHook = ({ kind, name }) =>
      kind === 'open' && name === LOG ? { kind: 'error', error: 'io' } : null
    world.order()
    expect(await world.until(() => world.view?.state === 'waiting')).toBe(true)
    world.node.disk.faultHook = null
    world.life.orders.accept([dropOf()], world.epoch)
    await world.pass(20_000)
    expect(world.life.orders.takeDone().dropped).toEqual([{ volume: VOLUME, replica: REPLICA }])
    expect([world.node.disk.peek(LOG), world.node.disk.peek(NOTE), world.view]).toEqual([
      null,
      null,
      undefined,
    ])
  })

  it('of another copy of the volume touches nothing', async () => {
    const world = await halfMade('drop another')
    world.life.orders.accept([dropOf(REPLICA - 1)], world.epoch)
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(isSame(world.stored, MIXED.bytes)).toBe(true)
  })
})

describe('another order for the volume', () => {
  it('that is the same changes the sources and the priority, and nothing is begun anew', async () => {
    const world = await halfMade('repeated')
    const made = world.life.figures.bytes
    world.order({ sources: [{ server: 3, replica: 13 }], priority: 1 })
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(world.life.figures.bytes).toBe(MIXED.bytes.byteLength)
    expect(made).toBeGreaterThan(0)
    expect(isSame(world.stored, MIXED.bytes)).toBe(true)
    // Once more, since the master may not have heard of it: that is reported again, and nothing else.
    world.life.store.takeChangedReports()
    const asked = world.sources[0]!.asked.length
    world.order()
    await world.pass(2000)
    expect(world.life.store.takeChangedReports()).toMatchObject([
      { replica: REPLICA, verifiedToBytes: MIXED.bytes.byteLength },
    ])
    expect(world.sources[0]!.asked.length).toBe(asked)
  })

  it('that is newer ends it, and its copy is made instead', async () => {
    const world = await halfMade('newer')
    const order = world.orderOf({ replica: REPLICA + 1 })
    world.life.orders.accept([order], world.epoch)
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(world.report).toMatchObject({ replica: REPLICA + 1 })
    expect(isSame(world.stored, MIXED.bytes)).toBe(true)
  })

  it('that is older is not carried out', async () => {
    const world = await halfMade('older')
    world.life.orders.accept([world.orderOf({ replica: REPLICA - 1 })], world.epoch)
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(world.report).toMatchObject({ replica: REPLICA })
    world.life.orders.accept([world.orderOf({ replica: REPLICA - 1 })], world.epoch)
    await world.pass(3000)
    expect(world.report).toMatchObject({ replica: REPLICA, verifiedToBytes: MIXED.bytes.byteLength })
    expect(world.view, 'another copy is here').toMatchObject({
      state: 'waiting',
      lastError: { code: 'UNAVAILABLE', server: null },
    })
    // The master must not wait for it for ever: it hears that this copy will not be made here.
    world.life.store.takeChangedReports()
    expect(await world.until(() => world.view?.state === 'failed')).toBe(true)
    expect(world.life.store.takeChangedReports()).toMatchObject([{ replica: REPLICA - 1, state: 'failed' }])
    expect(world.report).toMatchObject({ replica: REPLICA, verifiedToBytes: MIXED.bytes.byteLength })
  })

  it('is given up where something is that cannot be read, and what that is stays as it is', async () => {
    const world = await halfMade('cannot be read')
    world.node.crash('process')
    world.node.restart()
    world.node.disk.faultHook = ({ kind, name }) =>
      kind === 'read' && name === NOTE ? { kind: 'error', error: 'io' } : null
    await world.simulation.complete(() => world.begin())
    const before = world.stored
    world.order({ replica: REPLICA + 1 })
    expect(await world.until(() => world.view?.state === 'failed')).toBe(true)
    expect(world.life.store.takeChangedReports()).toMatchObject([{ replica: REPLICA + 1, state: 'failed' }])
    expect(isSame(world.stored, before)).toBe(true)
  })

  it('at another seal, of a new history of the metadata, makes it end there', async () => {
    const world = await halfMade('another seal')
    const sealedLengthBytes = MIXED.starts[43]!
    world.life.orders.accept([world.orderOf({ sealedLengthBytes })], world.epoch)
    expect(await world.until(() => world.report?.verifiedToBytes === sealedLengthBytes)).toBe(true)
    expect(world.report).toMatchObject({ sealedLengthBytes, state: 'sealed' })
  })
})

describe('a new start of the master', () => {
  it('has to order it again; until then nothing is done, and then it goes on where it was', async () => {
    const world = await halfMade('new start')
    world.epoch += 1
    world.life.orders.accept([], world.epoch)
    await world.pass(1000)
    const before = world.life.figures.bytes
    await world.pass(30_000)
    expect(world.life.figures.bytes).toBe(before)
    const status = world.life.workers.statuses().find(({ name }) => name === 'copy-volumes')
    expect(status).toMatchObject({ why: 'a new start of the master has to order it again' })
    world.order()
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(world.life.figures.bytes).toBe(MIXED.bytes.byteLength)
  })
})

describe('a disk without room', () => {
  it('ends it before a byte came, if what is missing has no room', async () => {
    const world = await CopyWorld.open({ seed: 'no room', room: { hasRoom: (bytes) => bytes < 100_000 } })
    world.order()
    expect(await world.until(() => world.view?.state === 'failed')).toBe(true)
    expect(world.view).toMatchObject({ lastError: { code: 'INSUFFICIENT_SPACE', server: null } })
    expect(world.report).toMatchObject({ replica: REPLICA, state: 'failed' })
    expect(world.sources.map(({ askedBytes }) => askedBytes)).toEqual([0, 0])
  })

  it('ends it in the middle, for good; the master drops it', async () => {
    const world = await CopyWorld.open({ seed: 'full', pieceBytes: 16_384 })
    world.node.disk.faultHook = ({ kind, name, at }) =>
      kind === 'append' && name === LOG && at > 100_000 ? { kind: 'error', error: 'full' } : null
    world.order()
    expect(await world.until(() => world.view?.state === 'failed')).toBe(true)
    expect(world.view).toMatchObject({ lastError: { code: 'INSUFFICIENT_SPACE' } })
    world.life.store.takeChangedReports()
    world.order()
    await world.pass(1500)
    expect(world.life.store.takeChangedReports(), 'with each order').toMatchObject([{ state: 'failed' }])
    expect(world.note).toMatchObject({ state: 'failed' })
    world.node.disk.faultHook = null
    world.life.orders.accept([dropOf()], world.epoch)
    expect(await world.until(() => world.node.disk.peek(NOTE) === null)).toBe(true)
    expect(world.life.jobs.views()).toEqual([])
    world.order({ replica: REPLICA + 1 })
    expect(await world.until(() => world.isMade)).toBe(true)
  })

  it('that takes not even the note ends it as well: it is said to have failed', async () => {
    const world = await CopyWorld.open({ seed: 'no note', room: { hasRoom: () => false } })
    world.order()
    expect(await world.until(() => world.view?.state === 'failed')).toBe(true)
    expect(world.report).toBeNull()
    expect(world.view, 'whom not to try it from again at once').toMatchObject({ source: 2, failures: [] })
    expect(world.life.store.takeChangedReports()).toMatchObject([
      { volume: VOLUME, replica: REPLICA, state: 'failed' },
    ])
  })
})

describe('a disk that fails', () => {
  it('for once when the copy is made is tried again', async () => {
    const world = await CopyWorld.open({ seed: 'fails once' })
    let failures = 0
    world.node.disk.faultHook = ({ kind, name }) => {
      if (kind !== 'open' || name !== LOG || failures > 0) return null
      failures += 1
      return { kind: 'error', error: 'io' }
    }
    world.order()
    expect(await world.until(() => world.isMade)).toBe(true)
    expect(failures).toBe(1)
  })

  it.each(['append', 'sync'])('at %s of the log makes it a failed one', async (failing) => {
    const world = await CopyWorld.open({ seed: `fails at ${failing}`, syncBytes: 100_000 })
    world.node.disk.faultHook = ({ kind, name, at }) =>
      kind === failing && name === LOG && (kind === 'sync' || at > 0) ? { kind: 'error', error: 'io' } : null
    world.order()
    expect(await world.until(() => world.view?.state === 'failed' || world.isMade)).toBe(true)
    expect(world.view).toMatchObject({ state: 'failed', lastError: { code: DiskError.name, server: null } })
    expect([world.report?.state ?? 'failed']).toEqual(['failed'])
  })
})

describe('several copies', () => {
  const volumes = [80, 81, 82, 83].map((number) => makeId(1, number))

  it('are made two at a time, the most urgent first, whatever holds up one of them', async () => {
    const world = await CopyWorld.open({ seed: 'several' })
    world.sources[0]!.onRead = () => {
      throw new DfsError('TOO_BUSY', 'later')
    }
    const orders = volumes.map((volume, index) =>
      world.orderOf({
        volume,
        replica: 40 + index,
        order: { ...world.orderOf().order, volume },
        priority: 3 - index,
        sealedLengthBytes: 0,
      }),
    )
    world.life.orders.accept(orders, world.epoch)
    const done: number[] = []
    await world.until(() => {
      for (const { volume, replica, state, verifiedToBytes } of world.life.store.reports())
        if (state === 'sealed' && verifiedToBytes === 0 && !done.includes(replica) && volume !== VOLUME)
          done.push(replica)
      return done.length === 4
    })
    // Both of the most urgent two are begun at once, and either may be done first.
    expect([42, 43]).toContain(done[0])
    expect(done).toHaveLength(4)
  })

  it('are no more than a heartbeat tells of; the others come again', async () => {
    const world = await CopyWorld.open({ seed: 'too many' })
    const orders = Array.from({ length: 80 }, (_, index) => {
      const volume = makeId(1, 1000 + index)
      return world.orderOf({
        volume,
        replica: 100 + index,
        order: { ...world.orderOf().order, volume },
        sources: [],
      })
    })
    world.life.orders.accept(orders, world.epoch)
    await world.pass(500)
    expect(world.life.jobs.views()).toHaveLength(64)
  })
})

describe('the end of the server', () => {
  it('in the middle of a copy leaves nothing on its way, and no complaint', async () => {
    const world = await halfMade('stop')
    const { stop, running, jobs, store } = world.life
    stop.abort(new Error('this server stops'))
    await world.simulation.complete(() => running)
    jobs.stop()
    await world.pass(1000)
    const asked = world.sources[0]!.asked.length
    await world.simulation.complete(() => store.close())
    expect(world.network.inFlightFrom('target')).toEqual({ calls: 0, bytes: 0 })
    await world.pass(10_000)
    expect(world.sources[0]!.asked.length).toBe(asked)
    expect(world.complaints).toEqual([])
  })
})
