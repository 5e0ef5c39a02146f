/** Volumes: what may be committed into them, and what sealing does. Each test names the rule it would see broken. */
import { expect, it } from 'vitest'
import { type Command, type ReplicaReport, type VolumeOrder } from '@dfs/protocol'
import { describeStores } from '../fixture/describe-stores.ts'
import { NOW } from '../fixture/store-bench.ts'

const report = (order: VolumeOrder, index: number, change: Partial<ReplicaReport>): ReplicaReport => ({
  volume: order.volume,
  replica: order.replicas[index]!.replica,
  state: 'sealed',
  lengthBytes: 0,
  verifiedToBytes: 0,
  ...change,
})

describeStores('volumes', (bench) => {
  it('seals at the highest committed end, idempotently (R1)', async () => {
    const b = bench()
    await b.addServers(3)
    const order = await b.volume()
    await b.commit(b.write('/a', b.chunk(order, 10)), b.write('/b', b.chunk(order, 20)))
    expect(await b.store.sealVolumes([order.volume], 'test', NOW)).toEqual([230])
    expect(await b.store.sealVolumes([order.volume], 'again', NOW)).toEqual([230])
    await expect(b.store.sealVolumes([4711], 'test', NOW)).rejects.toMatchObject({ code: 'VOLUME_NOT_FOUND' })
  })

  it('refuses a commit after the seal, keeps what was committed, and takes the same request elsewhere (R1, R15)', async () => {
    const b = bench()
    await b.addServers(3)
    const [first, second] = [await b.volume(), await b.volume()]
    await b.commit(b.write('/early', b.chunk(first, 10)))
    const late = b.write('/late', b.chunk(first, 10))
    await b.store.sealVolumes([first.volume], 'test', NOW)
    expect(await b.outcome(late)).toBe('VOLUME_SEALED')
    expect((await b.file('/early')).chunks).toHaveLength(1)
    expect(await b.lookup('/late')).toMatchObject({ code: 'FILE_NOT_FOUND' })
    const elsewhere = { ...late, chunk: b.chunk(second, 10) } as typeof late
    expect(await b.outcome(elsewhere)).toBe('ok')
    expect(await b.outcome(late)).toBe('ok')
    expect((await b.file('/late')).chunks[0]!.volume).toBe(second.volume)
  })

  it('takes chunks in order of offset only, with gaps (R2)', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await b.volume()
    expect(await b.outcome(b.write('/a', b.chunk(order, 10, { offset: 500 })))).toBe('ok')
    expect(await b.outcome(b.write('/b', b.chunk(order, 10, { offset: 609 })))).toBe('OFFSET_CONFLICT')
    expect(await b.outcome(b.write('/c', b.chunk(order, 10, { offset: 610 })))).toBe('ok')
    expect(await b.store.sealVolumes([order.volume], 'test', NOW)).toEqual([720])
  })

  it('takes chunks from the primary in its incarnation, on every copy of the set (R2)', async () => {
    const b = bench()
    await b.addServers(3)
    const [own, foreign] = [await b.volume(), await b.volume(1, 0, 2)]
    expect(await b.outcome(b.write('/a', b.chunk(foreign, 10)))).toBe('STALE_INCARNATION')
    expect(await b.outcome(b.write('/a', b.chunk(own, 10, { copies: 2 })))).toBe('INVALID_REQUEST')
    expect(await b.outcome(b.write('/a', b.chunk(own, 10, { volume: 99 })))).toBe('VOLUME_NOT_FOUND')
    expect(await b.outcome(b.write('/a', b.chunk(own, 10), { size: 11 }))).toBe('INVALID_REQUEST')
    expect(await b.list('/')).toEqual([])
    expect(await b.store.sealVolumes([own.volume], 'test', NOW)).toEqual([0])
  })

  it('stages by the same rules (R2)', async () => {
    const b = bench()
    await b.addServers(3)
    const order = await b.volume()
    const stage = (change: object) =>
      b.outcome(b.command({ kind: 'stage', upload: b.nextId(), start: 0, chunk: b.chunk(order, 10, change) }))
    expect(await stage({ copies: 1 })).toBe('INVALID_REQUEST')
    expect(await stage({ offset: 1000 })).toBe('ok')
    expect(await stage({ offset: 5 })).toBe('OFFSET_CONFLICT')
    expect(await b.store.sealVolumes([order.volume], 'test', NOW)).toEqual([1110])
    expect(await stage({ offset: 2000 })).toBe('VOLUME_SEALED')
  })

  it('seals every volume with a copy on a server that restarts (R3)', async () => {
    const b = bench()
    await b.addServers(4)
    const [primary, replica, other] = [
      await b.volume(0, 1, 2),
      await b.volume(1, 0, 2),
      await b.volume(1, 2, 3),
    ]
    const outcome = await b.register(0, 2)
    expect(outcome).toMatchObject({
      server: b.servers[0]!.server,
      isNewServer: false,
      isNewIncarnation: true,
    })
    expect(outcome.sealedVolumes).toEqual([primary.volume, replica.volume])
    expect((await b.store.openVolumesOf(b.servers[1]!.server)).map(({ volume }) => volume)).toEqual([
      other.volume,
    ])
  })

  it('says who has a volume and in what state, the best first', async () => {
    const b = bench()
    await b.addServers(3)
    const order = await b.volume()
    await b.commit(b.write('/a', b.chunk(order, 10)))
    const [first, second, third] = order.replicas.map(({ server, replica }) => ({ server, replica }))
    const inState = (state: string, ...copies: object[]): object[] =>
      copies.map((copy) => ({ ...copy, state }))
    expect(await b.store.copiesOf(order.volume)).toEqual({
      sealedLengthBytes: null,
      copies: inState('open', first!, second!, third!),
    })
    const states = async (): Promise<object> => Object.fromEntries(await b.store.copyStates())
    const none = {
      open: 0,
      unverified: 0,
      inSync: 0,
      damaged: 0,
      lost: 0,
      copying: 0,
      surplus: 0,
      dropping: 0,
    }
    expect(await states()).toEqual({ ...none, open: 3 })
    // The first starts without its copy, the third has verified its own.
    await b.register(0, 2)
    const { sealedLengthBytes } = await b.store.copiesOf(order.volume)
    const whole = { lengthBytes: sealedLengthBytes!, verifiedToBytes: sealedLengthBytes! }
    await b.store.noteReports(b.servers[2]!, [report(order, 2, whole)], NOW)
    expect(await b.store.copiesOf(order.volume)).toEqual({
      sealedLengthBytes: 110,
      copies: [...inState('inSync', third!), ...inState('unverified', second!), ...inState('lost', first!)],
    })
    expect(await states()).toEqual({ ...none, inSync: 1, unverified: 1, lost: 1 })
    await expect(b.store.copiesOf(4711)).rejects.toMatchObject({ code: 'VOLUME_NOT_FOUND' })
  })

  it('keeps volumes open when a server registers again in the same incarnation', async () => {
    const b = bench()
    await b.addServers(3)
    const order = await b.volume()
    expect(await b.register(0, 1)).toMatchObject({ isNewIncarnation: false, sealedVolumes: [] })
    expect(await b.outcome(b.write('/a', b.chunk(order, 1)))).toBe('ok')
    expect((await b.file('/a')).locations.get(order.volume)).toHaveLength(3)
  })

  it('refuses an incarnation lower than the known one, and its commits', async () => {
    const b = bench()
    await b.addServers(2)
    await b.register(0, 5)
    await expect(b.register(0, 4)).rejects.toMatchObject({ code: 'STALE_INCARNATION' })
    const stale = { server: b.servers[0]!.server, incarnation: 1 }
    const commands = [b.write('/a', null), b.write('/b', null)]
    const results = await b.commitAs(stale, commands)
    expect(results.map((result) => !result.ok && result.code)).toEqual([
      'STALE_INCARNATION',
      'STALE_INCARNATION',
    ])
    expect(await b.list('/')).toEqual([])
    await expect(b.store.noteReports(stale, [], NOW)).rejects.toMatchObject({ code: 'STALE_INCARNATION' })
    const request = { primary: stale, kind: 'small', number: 1, sets: [[stale, b.servers[1]!]] } as const
    await expect(b.store.allocateVolumes(request, NOW)).rejects.toMatchObject({ code: 'STALE_INCARNATION' })
  })

  it('blames nobody who asks for volumes while another server of the set restarts', async () => {
    const b = bench()
    await b.addServers(2)
    const sets = [[...b.servers]]
    await b.register(1, 2)
    const request = { primary: b.servers[0]!, kind: 'small', number: 1, sets } as const
    await expect(b.store.allocateVolumes(request, NOW)).rejects.toMatchObject({ code: 'COPY_ERROR' })
    expect(await b.store.openVolumesOf(b.servers[0]!.server)).toEqual([])
  })

  it('grants a request for volumes once, however often it is made and whatever became of them', async () => {
    const b = bench()
    await b.addServers(3)
    const [primary] = b.servers
    const request = { primary: primary!, kind: 'small', number: 1, sets: [b.servers, b.servers] } as const
    const allocate = (change: object) => b.store.allocateVolumes({ ...request, ...change }, NOW)
    const first = await allocate({})
    expect(await allocate({ sets: [b.servers] })).toEqual(first)
    await b.store.sealVolumes([first[0]!.volume], 'test', NOW)
    expect(await b.store.findAllocation(request)).toEqual(first)
    expect(await b.store.openVolumesOf(primary!.server)).toHaveLength(1)

    expect(await b.store.findAllocation({ ...request, number: 2 })).toBeNull()
    expect(await allocate({ kind: 'large' }), 'each kind counts by itself').not.toEqual(first)
    const second = await allocate({ number: 2 })
    expect(second[0]!.volume).not.toBe(first[0]!.volume)
    await expect(allocate({}), 'a request that was long under way').rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    })
  })

  it('counts the requests for volumes of each incarnation from the start', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await b.volume()
    await b.register(0, 2)
    b.servers[0] = { ...b.servers[0]!, incarnation: 2 }
    const request = { primary: b.servers[0], kind: 'small', number: 1, sets: [b.servers] } as const
    const [next] = await b.store.allocateVolumes(request, NOW)
    expect(next!.volume).not.toBe(order.volume)
  })

  it('orders the seal of each copy until it is reported, and trusts it only when verified to the length (R8, R18)', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await b.volume()
    const [first, second] = b.servers
    await b.commit(b.write('/a', b.chunk(order, 50)))
    await b.store.sealVolumes([order.volume], 'test', NOW)
    const seal = { kind: 'seal', volume: order.volume, sealedLengthBytes: 150 }
    expect(await b.store.orders(first!.server, 1000, true)).toEqual([
      { ...seal, replica: order.replicas[0]!.replica },
    ])

    await b.store.noteReports(first!, [report(order, 0, { verifiedToBytes: 100 })], NOW)
    expect(await b.store.orders(first!.server, 1000, true)).toEqual([])
    await b.store.noteReports(second!, [report(order, 1, { verifiedToBytes: 150 })], NOW)
    expect(await b.store.orders(second!.server, 1000, true)).toEqual([])
    const { locations } = await b.file('/a')
    expect(locations.get(order.volume)).toEqual([second!.server, first!.server])
  })

  it('counts a failed copy as damaged, for good, and seals its volume (R8)', async () => {
    const b = bench()
    await b.addServers(3)
    const order = await b.volume()
    await b.commit(b.write('/a', b.chunk(order, 50)))
    const failed = report(order, 1, { state: 'failed' })
    const outcome = await b.store.noteReports(b.servers[1]!, [failed], NOW)
    expect(outcome).toEqual({ unknown: [], strays: [], sealedVolumes: [order.volume] })
    await b.store.noteReports(b.servers[1]!, [report(order, 1, { verifiedToBytes: 150 })], NOW)
    await b.register(1, 2, { reports: [report(order, 1, { verifiedToBytes: 150 })] })
    const { locations } = await b.file('/a')
    const [first, second, third] = b.servers.map(({ server }) => server)
    expect(locations.get(order.volume), 'readers may try it last').toEqual([first, third, second])
    expect(await b.store.orders(second!, 1000, true)).toEqual([])
  })

  it('has only unverified copies on a server that restarts, and none that it does not report (R9)', async () => {
    const b = bench()
    await b.addServers(2)
    const [kept, gone] = [await b.volume(), await b.volume()]
    await b.commit(b.write('/kept', b.chunk(kept, 50)), b.write('/gone', b.chunk(gone, 50)))
    await b.store.sealVolumes([kept.volume, gone.volume], 'test', NOW)
    for (const order of [kept, gone]) {
      await b.store.noteReports(b.servers[0]!, [report(order, 0, { verifiedToBytes: 150 })], NOW)
      await b.store.noteReports(b.servers[1]!, [report(order, 1, { verifiedToBytes: 150 })], NOW)
    }
    const [first, second] = b.servers.map(({ server }) => server)
    expect((await b.file('/kept')).locations.get(kept.volume)).toEqual([first, second])
    await b.register(0, 2, { reports: [report(kept, 0, { verifiedToBytes: 0 })] })
    expect((await b.file('/kept')).locations.get(kept.volume)).toEqual([second, first])
    expect((await b.file('/gone')).locations.get(gone.volume)).toEqual([second])
    const next = { server: first!, incarnation: 2 }
    await b.store.noteReports(next, [report(gone, 0, { verifiedToBytes: 150 })], NOW)
    expect((await b.file('/gone')).locations.get(gone.volume)).toEqual([first, second])
  })

  it('returns reports of copies that it does not know, or that are of another server, and keeps all (R7)', async () => {
    const b = bench()
    await b.addServers(2)
    const order = await b.volume()
    const foreign = report(order, 1, { state: 'failed' })
    const strange = { ...report(order, 0, {}), volume: 77 }
    const outcome = await b.store.noteReports(b.servers[0]!, [foreign, strange], NOW)
    expect(outcome).toEqual({ unknown: [foreign, strange], strays: [], sealedVolumes: [] })
  })

  it('gives the receipt of the copies still good at the commit, and their zones (R23)', async () => {
    const b = bench()
    await b.addServers(3, ['east', 'east', 'west'])
    const order = await b.volume()
    const upload = b.nextId()
    const write = b.write('/large', null, { upload, size: 10 })
    const small = b.write('/a', b.chunk(order, 1))
    const stage = b.command({ kind: 'stage', upload, start: 0, chunk: b.chunk(order, 10) })
    expect(await b.commit(small, stage)).toMatchObject([{ ok: true, copies: 3, zones: 2 }, { ok: true }])
    await b.store.noteReports(b.servers[2]!, [report(order, 2, { state: 'failed' })], NOW)
    expect(await b.commit(write, b.write('/empty', null))).toMatchObject([
      { ok: true, copies: 2, zones: 1 },
      { ok: true, copies: 0, zones: 0 },
    ])
    expect((await b.file('/large')).info).toMatchObject({ copies: 2, zones: 1 })
    expect((await b.file('/a')).info).toMatchObject({ copies: 3, zones: 2 })
  })

  it('promises no copy of a server that is dead at the commit (R23)', async () => {
    const b = bench()
    await b.addServers(4)
    const [before, after] = [await b.volume(0, 1, 2), await b.volume(0, 1, 3)]
    const upload = b.nextId()
    const [first, second] = [b.chunk(before, 10), b.chunk(after, 10)]
    const stage = b.command({ kind: 'stage', upload, start: 0, chunk: first })
    expect(await b.outcome(stage)).toBe('ok')
    const dead = b.servers[2]!.server
    await b.store.sealVolumes([before.volume], 'a server is dead', NOW)
    expect(await b.outcome(b.command({ kind: 'stage', upload, start: 10, chunk: second }))).toBe('ok')
    b.now = { ...b.now, dead: new Set([dead]) }
    const write = b.write('/long', null, { upload, size: 20 })
    expect(await b.commit(write)).toMatchObject([{ ok: true, copies: 2, zones: 2 }])
  })

  it('promises no copy that may be another one since its server restarted, until it was verified (R23)', async () => {
    const b = bench()
    await b.addServers(3)
    const order = await b.volume()
    const upload = async (at: string): Promise<Command> => {
      const id = b.nextId()
      const stage = { kind: 'stage', upload: id, start: 0, chunk: b.chunk(order, 10) } as const
      expect(await b.outcome(b.command(stage))).toBe('ok')
      return b.write(at, null, { upload: id, size: 10 })
    }
    const [early, damaged, late] = [await upload('/early'), await upload('/damaged'), await upload('/late')]
    const wrongAtOnce = await upload('/wrong from its first record on')
    const [end] = await b.store.sealVolumes([order.volume], 'test', NOW)
    const short = report(order, 2, { lengthBytes: 0, state: 'sealed' })
    await b.register(2, 2, { reports: [short] })
    expect(await b.commit(early)).toMatchObject([{ ok: true, copies: 2, zones: 2 }])

    const verified = { lengthBytes: end!, verifiedToBytes: end! }
    await b.store.noteReports({ ...b.servers[2]!, incarnation: 2 }, [report(order, 2, verified)], NOW)
    const upTo = { lengthBytes: end!, verifiedToBytes: 5 }
    await b.store.noteReports(b.servers[1]!, [report(order, 1, { lengthBytes: end! })], NOW)
    await b.store.noteReports(b.servers[1]!, [report(order, 1, upTo)], NOW)
    expect(await b.commit(damaged), 'damage was found').toMatchObject([{ ok: true, copies: 2, zones: 2 }])

    const first = { lengthBytes: end!, verifiedToBytes: 0, isFoundDamaged: true }
    await b.store.noteReports(b.servers[1]!, [report(order, 1, first)], NOW)
    expect(await b.commit(wrongAtOnce)).toMatchObject([{ ok: true, copies: 2, zones: 2 }])

    await b.store.noteReports(b.servers[1]!, [report(order, 1, verified)], NOW)
    expect(await b.commit(late)).toMatchObject([{ ok: true, copies: 3, zones: 3 }])
  })

  it('counts for each server its open volumes and what they may still take there', async () => {
    const b = bench()
    await b.addServers(3)
    const [first] = [await b.volume(0, 1)]
    const request = { primary: b.servers[1]!, kind: 'large', number: 1, sizeBytes: 500 } as const
    const sets = [[b.servers[1]!, b.servers[2]!]]
    const [small] = await b.store.allocateVolumes({ ...request, sets }, NOW)
    expect(small!.sizeBytes).toBe(500)
    await b.commit(b.write('/a', b.chunk(first!, 200)))
    const [s0, s1, s2] = b.servers.map(({ server }) => server)
    expect(await b.store.openVolumeLoads(1000)).toEqual(
      new Map([
        [s0, { openVolumes: 1, promisedBytes: 700 }],
        [s1, { openVolumes: 2, promisedBytes: 1200 }],
        [s2, { openVolumes: 1, promisedBytes: 500 }],
      ]),
    )
    await b.store.sealVolumes([first!.volume], 'test', NOW)
    expect(await b.store.openVolumeLoads(200), 'its own size is its size').toEqual(
      new Map([
        [s1, { openVolumes: 1, promisedBytes: 500 }],
        [s2, { openVolumes: 1, promisedBytes: 500 }],
      ]),
    )
    expect(await b.store.totals()).toMatchObject({ volumesOpen: 1, volumesSealed: 1 })
  })

  it('never makes the same id or salt twice', async () => {
    const b = bench()
    await b.addServers(2)
    const orders = [await b.volume(), await b.volume()]
    const ids = orders.flatMap(({ volume, replicas }) => [volume, ...replicas.map(({ replica }) => replica)])
    expect(new Set(ids).size).toBe(6)
    expect(new Set(orders.map(({ salt }) => salt)).size).toBe(2)
  })
})
