/** Copies that are made, not needed, taken back and released: what each action rests on is looked at again when it is carried out. */
import { type CopyOrder, type ReplicaReport, type VolumeOrder } from '@dfs/protocol'
import { expect, it } from 'vitest'
import { type CopyAction } from '../../src/domain/copies/view.ts'
import { type ActionGround } from '../../src/metadata/repair-store.ts'
import { describeStores } from '../fixture/describe-stores.ts'
import { NOW, StoreBench } from '../fixture/store-bench.ts'

const LENGTH = 110

const whole = (volume: number, replica: number, change: Partial<ReplicaReport> = {}): ReplicaReport => ({
  volume,
  replica,
  state: 'sealed',
  lengthBytes: LENGTH,
  sealedLengthBytes: LENGTH,
  verifiedToBytes: LENGTH,
  ...change,
})

class Scene {
  readonly b: StoreBench
  readonly order: VolumeOrder
  wanted = 3

  constructor(b: StoreBench, order: VolumeOrder) {
    this.b = b
    this.order = order
  }

  get volume(): number {
    return this.order.volume
  }

  id(index: number): number {
    return this.b.servers[index]!.server
  }

  async copies(): Promise<Record<number, string>> {
    const [known] = await this.b.store.repairing.knownVolumes([this.volume])
    return Object.fromEntries(known!.copies.map(({ server, state }) => [this.index(server), state]))
  }

  index(server: number): number {
    return this.b.servers.findIndex((each) => each.server === server)
  }

  async replicaOn(index: number): Promise<number> {
    const [known] = await this.b.store.repairing.knownVolumes([this.volume])
    return known!.copies.find(({ server }) => server === this.id(index))!.id
  }

  /** With all servers up but those that are named by index. */
  ground(...dead: number[]): ActionGround {
    const up = this.b.servers.flatMap(({ server }, index) => (dead.includes(index) ? [] : [server]))
    return { up: new Set(up), wanted: this.wanted, minReplicas: 2, wallMs: NOW }
  }

  do(action: Partial<CopyAction> & { kind: CopyAction['kind'] }, ground = this.ground()): Promise<boolean> {
    return this.b.store.repairing.carryOut({ volume: this.volume, ...action } as CopyAction, ground)
  }

  async copyTo(
    index: number,
    { from = 0, ground = this.ground(), replaces = null as number | null } = {},
  ): Promise<boolean> {
    const replica = await this.replicaOn(from)
    const sources = [{ server: this.id(from), replica }]
    const about = { target: this.id(index), cause: 'lost', priority: 2, sources, replaces } as const
    return this.do({ kind: 'copy', ...about }, ground)
  }

  report(index: number, report: ReplicaReport): Promise<unknown> {
    return this.b.store.noteReports(this.b.servers[index]!, [report], NOW)
  }

  copyOrders(
    index: number,
    there = this.b.servers.map(({ server }) => server),
  ): Promise<readonly CopyOrder[]> {
    return this.b.store.repairing.copyOrders(this.id(index), 8, new Set(there))
  }
}

/** Five servers; a sealed volume with copies on the first ones, of which the last is not verified if it says so. */
async function sealed(
  b: StoreBench,
  { copies = 3, verified = copies }: { copies?: number; verified?: number } = {},
): Promise<Scene> {
  await b.addServers(5)
  const order = await b.volume(...Array.from({ length: copies }, (_, index) => index))
  await b.outcome(b.write('/a', b.chunk(order, 10)))
  await b.store.sealVolumes([order.volume], 'test', NOW)
  const scene = new Scene(b, order)
  for (let index = 0; index < verified; index += 1)
    await scene.report(index, whole(order.volume, order.replicas[index]!.replica))
  return scene
}

describeStores('a copy that is made again', (bench) => {
  it('counts for nothing and is told nobody, until its server has verified it up to the seal', async () => {
    const s = await sealed(bench())
    expect(await s.copyTo(3)).toBe(true)
    const replica = await s.replicaOn(3)
    expect(await s.copies()).toEqual({ 0: 'inSync', 1: 'inSync', 2: 'inSync', 3: 'copying' })
    expect((await s.b.store.copiesOf(s.volume)).copies.map(({ server }) => server)).not.toContain(s.id(3))
    expect(await s.b.store.copyOn(s.volume, s.id(3))).toBeNull()
    expect((await s.b.file('/a')).locations.get(s.volume)).toHaveLength(3)
    for (const change of [
      { state: 'open', verifiedToBytes: 0, sealedLengthBytes: null },
      { verifiedToBytes: 0 },
      { verifiedToBytes: LENGTH - 1 },
      { sealedLengthBytes: LENGTH + 8 },
    ] as const) {
      await s.report(3, whole(s.volume, replica, change))
      expect((await s.copies())[3], JSON.stringify(change)).toBe('copying')
    }
    await s.report(3, whole(s.volume, replica))
    expect((await s.copies())[3]).toBe('inSync')
  })

  it('is counted for its server from the order on, and one that is not needed is not', async () => {
    const s = await sealed(bench(), { verified: 2 })
    const used = async (): Promise<number[]> => {
      const loads = await s.b.store.repairing.copyLoads(new Set(), new Set())
      return [0, 1, 2, 3].map((index) => loads.get(s.id(index))?.usedBytes ?? 0)
    }
    const open = await s.b.volume(0, 1)
    await s.b.outcome(s.b.write('/open', s.b.chunk(open, 10)))
    expect(await used(), 'an open volume is promised, not used').toEqual([LENGTH, LENGTH, LENGTH, 0])
    await s.report(1, { ...whole(open.volume, open.replicas[1]!.replica), state: 'failed' })
    expect(await used(), 'sealed, with a copy that had failed before').toEqual([
      2 * LENGTH,
      2 * LENGTH,
      LENGTH,
      0,
    ])
    await s.copyTo(3)
    expect(await used()).toEqual([2 * LENGTH, 2 * LENGTH, LENGTH, LENGTH])
    await s.report(3, whole(s.volume, await s.replicaOn(3)))
    await s.do({ kind: 'surplus', replica: await s.replicaOn(2) })
    expect(await used()).toEqual([2 * LENGTH, 2 * LENGTH, 0, LENGTH])
    await s.b.register(3, 2)
    expect(await used(), 'lost').toEqual([2 * LENGTH, 2 * LENGTH, 0, 0])
    const again = await s.b.store.repairing.copyLoads(new Set(), new Set())
    expect([...again.values()].every(({ usedBytes }) => usedBytes >= 0)).toBe(true)
  })

  it('is ordered from who is there, first from the one that it was begun with, and again until it is there', async () => {
    const s = await sealed(bench())
    await s.copyTo(3, { from: 2 })
    const replica = await s.replicaOn(3)
    const sources = s.order.replicas.map((each) => ({ server: each.server, replica: each.replica }))
    const [first, second, third] = [sources[0]!, sources[1]!, sources[2]!]
    const order = { kind: 'copy', volume: s.volume, replica, sealedLengthBytes: LENGTH, priority: 3 }
    expect(await s.copyOrders(3)).toMatchObject([{ ...order, sources: [third, first, second] }])
    expect(await s.copyOrders(3, [s.id(0)])).toMatchObject([{ priority: 1, sources: [first] }])
    expect(await s.copyOrders(3, []), 'nobody to ask').toEqual([])
    expect(await s.copyOrders(0)).toEqual([])
    const [told] = await s.copyOrders(3)
    expect(told!.order.replicas.map((each) => each.replica)).toEqual([
      replica,
      ...[third, first, second].map((each) => each.replica),
    ])
    await s.report(3, whole(s.volume, replica))
    expect(await s.copyOrders(3)).toEqual([])
  })

  it('stays as it is when its server restarts, with it or without: it is ordered again', async () => {
    const s = await sealed(bench())
    await s.copyTo(3)
    const replica = await s.replicaOn(3)
    await s.b.register(3, 2, { reports: [whole(s.volume, replica, { verifiedToBytes: 0 })] })
    expect((await s.copies())[3]).toBe('copying')
    await s.b.register(3, 3)
    expect((await s.copies())[3]).toBe('copying')
    const [order] = await s.copyOrders(3)
    expect(order!.order.replicas[0]).toEqual({ replica, server: s.id(3), incarnation: 3 })
  })

  it('is not begun where the volume has one, on a server that is gone, or from one that is no copy any more', async () => {
    const s = await sealed(bench())
    expect(await s.copyTo(2)).toBe(false)
    expect(await s.copyTo(3, { ground: s.ground(3) })).toBe(false)
    const lost = await s.replicaOn(0)
    await s.b.register(0, 2)
    expect((await s.copies())[0]).toBe('lost')
    const sources = [{ server: s.id(0), replica: lost }]
    const about = { target: s.id(3), cause: 'lost', priority: 2, sources, replaces: null } as const
    expect(await s.do({ kind: 'copy', ...about })).toBe(false)
    expect(await s.b.store.repairing.running()).toEqual([])
    expect(await s.copyTo(3, { from: 1 })).toBe(true)
    expect(await s.copyTo(3, { from: 1 }), 'once').toBe(false)
  })

  it('that its server gives up is to be dropped, and then there may be another', async () => {
    const s = await sealed(bench())
    await s.copyTo(3)
    const replica = await s.replicaOn(3)
    const failed = {
      ...whole(s.volume, replica, { state: 'failed' }),
      job: { tries: 2, lastError: 'no room' },
    }
    await s.b.store.noteReports(s.b.servers[3]!, [failed], NOW + 5)
    expect((await s.copies())[3]).toBe('dropping')
    expect(await s.b.orders(3)).toEqual([{ kind: 'drop', volume: s.volume, replica }])
    expect(await s.copyTo(3)).toBe(false)
    await s.b.store.noteDropped(s.b.servers[3]!, [{ volume: s.volume, replica }])
    expect(await s.copies()).not.toHaveProperty('3')
    expect(await s.b.store.repairing.page(Number.MAX_SAFE_INTEGER, 10)).toMatchObject([
      { replica, state: 'failed', tries: 2, lastError: 'no room', endedWallMs: NOW + 5 },
    ])
    expect(await s.copyTo(3)).toBe(true)
  })

  it('that lacks what nobody has is a damaged one like others: it is read, nobody orders it, and it counts once it is whole', async () => {
    const s = await sealed(bench())
    await s.copyTo(3)
    const replica = await s.replicaOn(3)
    const job = { tries: 4, lastError: null, isIncomplete: true }
    const torn = { ...whole(s.volume, replica, { verifiedToBytes: 40, isFoundDamaged: true }), job }
    await s.b.store.noteReports(s.b.servers[3]!, [torn], NOW + 5)
    expect((await s.copies())[3]).toBe('unverified')
    expect(await s.copyOrders(3)).toEqual([])
    expect(await s.b.orders(3)).toEqual([])
    expect((await s.b.file('/a')).locations.get(s.volume)?.at(-1)).toBe(s.id(3))
    expect(await s.b.store.repairing.running()).toEqual([])
    expect(await s.b.store.repairing.page(Number.MAX_SAFE_INTEGER, 10)).toMatchObject([
      { replica, state: 'failed', tries: 4, lastError: expect.stringContaining('no server') },
    ])
    await s.report(3, whole(s.volume, replica))
    expect((await s.copies())[3]).toBe('inSync')
  })

  it('that was dropped is known when it turns up with an older disk, as long as the volume is there', async () => {
    const s = await sealed(bench())
    await s.copyTo(3)
    const replica = await s.replicaOn(3)
    expect(await s.do({ kind: 'cancel', replica, why: 'enough-copies' })).toBe(true)
    await s.b.store.noteDropped(s.b.servers[3]!, [{ volume: s.volume, replica }])
    const outcome = await s.report(3, whole(s.volume, replica))
    expect(outcome).toMatchObject({ unknown: [], strays: [{ replica }] })
    expect(await s.b.orders(3)).toEqual([{ kind: 'drop', volume: s.volume, replica }])
    await s.b.store.noteDropped(s.b.servers[3]!, [{ volume: s.volume, replica }])
    expect(await s.b.orders(3)).toEqual([])
    const other = await s.report(3, whole(s.volume, replica + 1000))
    expect(other).toMatchObject({ unknown: [{ replica: replica + 1000 }], strays: [] })
  })

  it('counts as promised room', async () => {
    const s = await sealed(bench())
    await s.copyTo(3)
    const loads = await s.b.store.openVolumeLoads(1000)
    expect(loads.get(s.id(3))).toEqual({ openVolumes: 0, promisedBytes: LENGTH })
  })
})

describeStores('a copy that is not needed', (bench) => {
  const four = async (b: StoreBench): Promise<Scene> => {
    const s = await sealed(b, { copies: 4 })
    expect(await s.do({ kind: 'surplus', replica: await s.replicaOn(0) })).toBe(true)
    return s
  }

  it('is read still, last of those that are whole, and can be taken back', async () => {
    const s = await four(bench())
    const replica = await s.replicaOn(0)
    expect((await s.copies())[0]).toBe('surplus')
    expect((await s.b.store.copiesOf(s.volume)).copies).toContainEqual({
      server: s.id(0),
      replica,
      state: 'inSync',
    })
    expect((await s.b.file('/a')).locations.get(s.volume)?.at(-1)).toBe(s.id(0))
    expect(await s.do({ kind: 'revoke', replica })).toBe(true)
    expect((await s.copies())[0]).toBe('inSync')
    expect(await s.do({ kind: 'revoke', replica })).toBe(false)
  })

  it('is as good as unread when it is taken back after a start of its server', async () => {
    const s = await four(bench())
    const replica = await s.replicaOn(0)
    await s.b.register(0, 2, { reports: [whole(s.volume, replica, { verifiedToBytes: 0 })] })
    expect((await s.copies())[0]).toBe('surplus')
    await s.do({ kind: 'revoke', replica })
    expect((await s.copies())[0]).toBe('unverified')
  })

  it('is released when as many others are whole as are wanted, on servers that are there (I1)', async () => {
    const s = await four(bench())
    const release = { kind: 'release', replica: await s.replicaOn(0) } as const
    expect(await s.do(release, s.ground(1)), 'one of the three has died').toBe(false)
    await s.do({ kind: 'surplus', replica: await s.replicaOn(1) })
    expect(await s.do(release), 'a surplus copy is no good one').toBe(false)
    await s.do({ kind: 'revoke', replica: await s.replicaOn(1) })
    expect(await s.do(release)).toBe(true)
    expect(await s.copies()).toEqual({ 0: 'dropping', 1: 'inSync', 2: 'inSync', 3: 'inSync' })
    expect((await s.b.file('/a')).locations.get(s.volume)).not.toContain(s.id(0))
    expect(await s.do(release), 'once').toBe(false)
  })

  it('is not released while the one in its place is being made (I1)', async () => {
    const s = await sealed(bench())
    const replica = await s.replicaOn(0)
    expect(await s.copyTo(3, { from: 1, replaces: replica })).toBe(true)
    expect(await s.copies()).toMatchObject({ 0: 'surplus', 3: 'copying' })
    expect(await s.do({ kind: 'release', replica })).toBe(false)
    await s.report(3, whole(s.volume, await s.replicaOn(3)))
    expect(await s.do({ kind: 'release', replica })).toBe(true)
  })

  it('that is lost or damaged stays while fewer are whole than a write needs', async () => {
    const s = await sealed(bench(), { copies: 3, verified: 1 })
    await s.b.register(2, 2)
    const release = { kind: 'release', replica: await s.replicaOn(2) } as const
    expect((await s.copies())[2]).toBe('lost')
    expect(await s.do(release)).toBe(false)
    await s.report(1, whole(s.volume, await s.replicaOn(1)))
    expect(await s.do(release)).toBe(true)
  })

  it('is nobody’s to release that is good, or of a volume that goes or is open', async () => {
    const s = await sealed(bench(), { copies: 4 })
    expect(await s.do({ kind: 'release', replica: await s.replicaOn(0) })).toBe(false)
    const open = await s.b.volume(0, 1, 2)
    for (const kind of ['surplus', 'revoke', 'release', 'cancel'] as const) {
      expect(await s.do({ kind, volume: open.volume, replica: open.replicas[0]!.replica })).toBe(false)
    }
    expect(await s.do({ kind: 'surplus', volume: 99, replica: 1 })).toBe(false)
  })
})

describeStores('the ledger of copies', (bench) => {
  it('says done in the transaction that makes the copy whole, and not before', async () => {
    const s = await sealed(bench())
    await s.copyTo(3, { from: 1 })
    const replica = await s.replicaOn(3)
    const running = {
      volume: s.volume,
      replica,
      cause: 'lost',
      source: s.id(1),
      target: s.id(3),
      bytes: LENGTH,
    }
    expect(await s.b.store.repairing.running()).toMatchObject([
      { ...running, state: 'running', endedWallMs: null },
    ])
    await s.report(3, whole(s.volume, replica, { verifiedToBytes: 0 }))
    expect(await s.b.store.repairing.page(Number.MAX_SAFE_INTEGER, 10)).toMatchObject([{ state: 'running' }])
    await s.b.store.noteReports(s.b.servers[3]!, [whole(s.volume, replica)], NOW + 9)
    expect(await s.b.store.repairing.running()).toEqual([])
    const done = { ...running, state: 'done', begunWallMs: NOW, endedWallMs: NOW + 9 }
    expect(await s.b.store.repairing.page(Number.MAX_SAFE_INTEGER, 10)).toMatchObject([done])
  })

  it('is paged, the newest first', async () => {
    const s = await sealed(bench())
    const replicas: number[] = []
    for (const index of [3, 4]) {
      await s.copyTo(index)
      replicas.push(await s.replicaOn(index))
    }
    await s.do({ kind: 'cancel', replica: replicas[1]!, why: 'target-full' })
    const [newest] = await s.b.store.repairing.page(Number.MAX_SAFE_INTEGER, 1)
    expect(newest).toMatchObject({ replica: replicas[1], state: 'cancelled', lastError: 'target-full' })
    expect(await s.b.store.repairing.page(newest!.id, 10)).toMatchObject([
      { replica: replicas[0], state: 'running' },
    ])
    expect(await s.b.store.repairing.page(1, 10)).toEqual([])
  })
})
