/** The master as its peers and its public routes see it. */
import { InvariantError } from '@dfs/core'
import {
  COMMIT_BATCH_COMMANDS_MAX,
  type CommandBody,
  commits,
  formatEtag,
  listDirectory,
  lookups,
  type FilePath,
  type RegisterReply,
  sealVolume,
  UNCONDITIONAL,
  viewCluster,
  type WriteCommand,
} from '@dfs/protocol'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { copyAsCrashed, openAt, removeTemporaryDirectories, temporaryDirectory } from './fixture/engines.ts'
import { MasterBench } from './fixture/master-bench.ts'
import { makeWorld } from './fixture/world.ts'

const benches: MasterBench[] = []
async function start(...args: Parameters<typeof MasterBench.start>): Promise<MasterBench> {
  const bench = await MasterBench.start(...args)
  benches.push(bench)
  return bench
}

afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.master.stop()
  removeTemporaryDirectories()
})

const context = { requestId: 'test', deadlineMs: Infinity }

const emptyFile = (path: string): Omit<WriteCommand, 'id'> => ({
  kind: 'write',
  path: path as FilePath,
  precondition: { ...UNCONDITIONAL, mustCreate: true },
  contentType: 'text/plain',
  executable: false,
  size: 0,
  crc32: 0,
  sha256: null,
  chunk: null,
  upload: null,
})

describe('heartbeats', () => {
  it('are refused from servers that are unknown or stale', async () => {
    const b = await start()
    const { serverId } = await b.register(0, { incarnation: 2 })
    await expect(b.heartbeat(serverId + 1)).rejects.toMatchObject({ code: 'UNKNOWN_SERVER' })
    await expect(b.heartbeat(serverId)).rejects.toMatchObject({ code: 'STALE_INCARNATION' })
    await expect(b.heartbeat(serverId, { incarnation: 3 })).rejects.toMatchObject({ code: 'UNKNOWN_SERVER' })
  })

  it('carry seal orders until the copy is reported as sealed (R18)', async () => {
    const b = await start()
    const [s0, s1] = await b.registerAll(2)
    const [order] = await b.allocate(s0!)
    expect(await b.write(s0!, 1, order!)).toBe('ok')
    expect((await b.heartbeat(s1!)).orders).toEqual([])
    const sealed = await b.call(sealVolume, { volume: order!.volume, reason: 'test' })
    expect(sealed).toMatchObject({ sealedLengthBytes: 200 })
    const { replica } = order!.replicas.find(({ server }) => server === s1)!
    const seal = { kind: 'seal', volume: order!.volume, replica, sealedLengthBytes: 200 }
    expect((await b.heartbeat(s1!)).orders).toEqual([seal])
    expect((await b.heartbeat(s1!)).orders).toEqual([seal])
    const report = {
      volume: order!.volume,
      replica,
      state: 'sealed',
      lengthBytes: 200,
      verifiedToBytes: 0,
    } as const
    expect((await b.heartbeat(s1!, { replicas: [report] })).orders).toEqual([])
  })
})

describe('silence', () => {
  it('makes a server suspect, then dead, and its volumes are sealed then and not before', async () => {
    const b = await start()
    const [s0, s1, s2] = await b.registerAll(3)
    const [order] = await b.allocate(s0!)
    await b.pass(4000, s1!, s2!)
    const view = await b.call(viewCluster, {})
    expect(view.servers.map(({ liveness }) => liveness)).toEqual(['suspect', 'alive', 'alive'])
    expect(view.preferred).toBe(s1)
    const [other] = await b.allocate(s1!)
    expect(other!.replicas.map(({ server }) => server)).toEqual([s1, s2])
    expect(await b.write(s0!, 1, order!)).toBe('ok')
    await b.pass(15_000, s1!, s2!)
    expect(await b.store.openVolumesOf(s0!)).toHaveLength(1)
    await b.pass(2000, s1!, s2!)
    expect(await b.store.openVolumesOf(s0!)).toEqual([])
    expect(await b.write(s0!, 2, order!)).toBe('VOLUME_SEALED')
    const [found] = (
      await b.call(lookups, [
        { by: 'path', path: '/f' as FilePath, version: null, fromByte: 0, chunksMax: 1 },
      ])
    ).results
    const locations = found!.kind === 'file' ? found!.locations.get(order!.volume) : []
    expect(locations).toHaveLength(3)
    expect(locations!.at(-1)).toBe(s0)
  })

  it('of a server that is dead leaves its copies out of receipts (R23)', async () => {
    const b = await start()
    const [s0, s1, s2] = await b.registerAll(3)
    const [order] = await b.allocate(s0!)
    const upload = { server: s0!, incarnation: 1, number: 1 }
    const chunk = { volume: order!.volume, offset: 0, recordSize: 100, length: 10, crc32: 1, copies: 3 }
    const stage = { kind: 'stage', id: { ...upload, number: 2 }, upload, start: 0, chunk } as const
    expect((await b.commit(s0!, stage)).ok).toBe(true)
    await b.pass(21_000, s0!, s1!)
    expect(await b.store.openVolumesOf(s2!)).toEqual([])
    const write = { ...b.writeCommand(s0!, 3, '/long'), chunk: null, upload }
    expect(await b.commit(s0!, write)).toMatchObject({ ok: true, copies: 2 })
  })

  it('of everybody makes nobody coordinate, and who returns does', async () => {
    const b = await start()
    const [s0] = await b.registerAll(1)
    expect(b.master.preferredCoordinator()?.id).toBe(s0)
    await b.pass(5000)
    expect(b.master.preferredCoordinator()).toBe(null)
    expect(await b.master.redirectTarget()).toBe(null)
    await b.heartbeat(s0!)
    expect((await b.master.redirectTarget())?.id).toBe(s0)
  })
})

describe('a restart of the master', () => {
  it('keeps open volumes of incarnations that go on, and declares nobody dead before full grace (R21)', async () => {
    const directory = temporaryDirectory()
    const before = await start(await openAt(directory))
    const [s0, s1, s2] = await before.registerAll(3)
    const [order] = await before.allocate(s0!)
    expect(await before.write(s0!, 1, order!)).toBe('ok')
    const after = await start(await openAt(copyAsCrashed(directory), 2), makeWorld(2))
    await expect(after.heartbeat(s0!)).rejects.toMatchObject({ code: 'UNKNOWN_SERVER' })
    expect(await after.write(s0!, 1, order!)).toBe('ok')
    expect(await after.write(s0!, 2, order!)).toBe('ok')
    await after.register(1)
    await after.register(0)
    await after.pass(19_000, s0!, s1!)
    expect(await after.store.openVolumesOf(s2!)).toHaveLength(1)
    expect(await after.write(s0!, 3, order!)).toBe('ok')
    await after.pass(2000, s0!, s1!)
    expect(await after.store.openVolumesOf(s2!)).toEqual([])
  })

  it('declares nobody dead while most servers have not reported (R6)', async () => {
    const directory = temporaryDirectory()
    const before = await start(await openAt(directory))
    const [s0] = await before.registerAll(3)
    await before.allocate(s0!)
    const after = await start(await openAt(copyAsCrashed(directory), 2), makeWorld(2))
    await after.register(0)
    await after.pass(60_000, s0!)
    const { servers } = await after.call(viewCluster, {})
    expect(servers.map(({ liveness }) => liveness)).toEqual(['alive', 'suspect', 'suspect'])
    expect(await after.store.openVolumesOf(s0!)).toHaveLength(1)
  })

  it('does not wait for servers whose disks were replaced, in the places of which others have reported', async () => {
    const directory = temporaryDirectory()
    const before = await start(await openAt(directory))
    await before.registerAll(3)
    const onNewDisk = (bench: MasterBench, place: number): Promise<RegisterReply> =>
      bench.register(place + 3, { internalAddress: `127.0.0.1:${7171 + place}` })
    for (const place of [0, 1, 2]) await onNewDisk(before, place)
    const after = await start(await openAt(copyAsCrashed(directory), 2), makeWorld(2))
    const present = [await onNewDisk(after, 0), await onNewDisk(after, 1)]
    await after.pass(60_000, ...present.map(({ serverId }) => serverId))
    const { servers } = await after.call(viewCluster, {})
    expect(servers.filter(({ liveness }) => liveness === 'dead')).toHaveLength(4)
  })
})

describe('volumes', () => {
  it('go to the server that asks, several at once, and only to one that is in touch', async () => {
    const b = await start()
    const [s0] = await b.registerAll(4)
    const orders = await b.allocate(s0!, 8)
    expect(orders.every(({ primary }) => primary.server === s0)).toBe(true)
    const loads = [...(await b.store.openVolumeLoads(1)).values()].map(({ openVolumes }) => openVolumes)
    expect(loads.toSorted((x, y) => x - y)).toEqual([5, 5, 6, 8])
    await expect(b.allocate(4711)).rejects.toMatchObject({ code: 'UNKNOWN_SERVER' })
  })

  it('are refused if too few servers can be reached', async () => {
    const b = await start()
    const [s0, s1] = await b.registerAll(2)
    await expect(b.allocate(s0!, 1, [s1!])).rejects.toMatchObject({ code: 'COPY_ERROR' })
    await b.heartbeat(s1!, { unreachable: [s0!] })
    await expect(b.allocate(s0!)).rejects.toMatchObject({ code: 'COPY_ERROR' })
  })
})

describe('the namespace of the master itself', () => {
  it('walks before a rename if what is known stands in its way, and decides in the commit', async () => {
    const b = await start()
    const { namespace } = b.master
    const execute = (command: object) => namespace.execute(command as CommandBody, context)
    const make = (path: string) => execute({ kind: 'makeDirectory', path })
    const long = `/${'n'.repeat(255)}`.repeat(2)
    const deep = `/t${`/${'t'.repeat(250)}`.repeat(15)}`
    await make(deep)
    for (const top of ['/a', '/b']) {
      await Promise.all(Array.from({ length: 1200 }, (_, index) => execute(emptyFile(`${top}/m${index}`))))
      await make(top + long)
      await execute({ kind: 'deleteDirectory', path: top + long.slice(0, 256), recursive: true })
    }
    expect(await execute({ kind: 'move', from: '/a', to: `${deep}/a` })).toMatchObject({ ok: true })
    const measure = b.store.measure.bind(b.store)
    let walkSteps = 0
    vi.spyOn(b.store, 'measure').mockImplementation(async (renaming, mayWalk) => {
      const more = await measure(renaming, mayWalk)
      if (mayWalk) walkSteps += 1
      // Behind the walk: names come in order.
      if (walkSteps === 1) await make(`/b/0${long}`)
      return more
    })
    await expect(execute({ kind: 'move', from: '/b', to: `${deep}/b` })).rejects.toMatchObject({
      code: 'INVALID_PATH',
    })
    expect(walkSteps).toBeGreaterThan(1)
  })

  it('executes commands, looks up and lists', async () => {
    const b = await start()
    const { namespace } = b.master
    const made = await Promise.all(
      ['/a', '/d/b', '/d/c'].map((at) => namespace.execute(emptyFile(at), context)),
    )
    expect(made.every(({ created }) => created)).toBe(true)
    await expect(namespace.execute(emptyFile('/a'), context)).rejects.toMatchObject({ code: 'FILE_EXISTS' })
    const lookup = { by: 'path', path: '/d/b' as FilePath, version: null, fromByte: 0, chunksMax: 0 } as const
    expect(await namespace.lookup(lookup, context)).toMatchObject({ info: { version: made[1]!.operation } })
    const request = { path: '/d', after: null, entriesMax: 10, recursive: false }
    const page = await namespace.list(request, context)
    expect(page.entries.map(({ etag }) => etag)).toEqual([
      formatEtag(made[1]!.operation),
      formatEtag(made[2]!.operation),
    ])
    expect(await b.call(listDirectory, request)).toEqual({ epoch: b.store.epoch(), ...page })
    expect(await namespace.viewCluster(context)).toMatchObject({ totals: { files: 3, directories: 1 } })
  })

  it('carries out what comes within a turn in one transaction', async () => {
    const b = await start()
    const before = b.store.epoch().sequence
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => b.master.namespace.execute(emptyFile(`/${index}`), context)),
    )
    expect(b.store.epoch().sequence).toBe(before + 1)
  })

  it('answers TOO_BUSY when too much waits, and carries out the rest', async () => {
    const b = await start()
    const all = Array.from({ length: 5000 }, (_, index) =>
      b.master.namespace.execute(emptyFile(`/${index}`), context),
    )
    const settled = await Promise.allSettled(all)
    const refused = settled.filter((result) => result.status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.every(({ reason }) => (reason as { code: string }).code === 'TOO_BUSY')).toBe(true)
    expect((await b.store.totals()).files).toBe(5000 - refused.length)
  })

  it('refuses a batch that is too long', async () => {
    const b = await start()
    const [s0] = await b.registerAll(1)
    const id = (number: number) => ({ server: s0!, incarnation: 1, number })
    const commands = Array.from({ length: COMMIT_BATCH_COMMANDS_MAX + 1 }, (_, index) => {
      return { ...emptyFile(`/${index}`), id: id(index + 1) }
    })
    const request = { server: s0!, incarnation: 1, watermark: 0, commands }
    await expect(b.call(commits, request)).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  })
})

describe('redirects', () => {
  it('take turns among coordinators that are alive', async () => {
    const b = await start()
    const ids = await b.registerAll(3)
    await b.pass(5000, ids[0]!, ids[2]!)
    const targets: number[] = []
    for (let turn = 0; turn < 4; turn += 1) targets.push((await b.master.redirectTarget())!.id)
    expect(new Set(targets)).toEqual(new Set([ids[0], ids[2]]))
    expect(targets[0]).not.toBe(targets[1])
  })
})

describe('the end', () => {
  it('stops once, says so, and answers nothing afterwards', async () => {
    const b = await start()
    const stopped = b.master.stop()
    expect((await b.master.readiness()).whyNot).toBe('the master is stopping')
    await stopped
    await b.master.stop()
    await expect(b.master.namespace.execute(emptyFile('/a'), context)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
    expect(b.fatal).toEqual([])
  })

  it('is told once when the store fails, and the master is not ready any more (R26)', async () => {
    const b = await start()
    vi.spyOn(b.store, 'commitBatch').mockRejectedValue(new InvariantError('the disk is gone'))
    const writes = [1, 2].map((number) => b.master.namespace.execute(emptyFile(`/${number}`), context))
    for (const write of writes) await expect(write).rejects.toThrow(InvariantError)
    await expect(b.master.namespace.execute(emptyFile('/3'), context)).rejects.toThrow(InvariantError)
    expect(b.fatal).toHaveLength(1)
    expect((await b.master.readiness()).whyNot).toBe('the metadata store has failed')
  })
})
