/** Who may join, and what it is told then. */
import { FEATURE_LEVEL, FORMAT_LEVEL, formatId } from '@dfs/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { MasterBench } from './fixture/master-bench.ts'

const benches: MasterBench[] = []
async function start(...args: Parameters<typeof MasterBench.start>): Promise<MasterBench> {
  const bench = await MasterBench.start(...args)
  benches.push(bench)
  return bench
}

afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.master.stop()
})

describe('registration', () => {
  it('gives each disk an id of its own, the same each time', async () => {
    const b = await start()
    const [first, second] = [await b.register(0), await b.register(1)]
    expect(second.serverId).not.toBe(first.serverId)
    expect((await b.register(0, { name: 'renamed' })).serverId).toBe(first.serverId)
    expect(first).toMatchObject({ clusterId: b.store.clusterId, settings: { replicas: 3, minReplicas: 2 } })
    expect(first.preferred).toBe(first.serverId)
  })

  it('refuses another cluster, a lower incarnation, and a server that has seen a later master (R6)', async () => {
    const b = await start()
    await expect(b.register(0, { clusterId: 'another' })).rejects.toMatchObject({ code: 'WRONG_CLUSTER' })
    await b.register(0, { incarnation: 3, clusterId: b.store.clusterId })
    await expect(b.register(0, { incarnation: 2 })).rejects.toMatchObject({ code: 'STALE_INCARNATION' })
    const seenEpoch = { ...b.store.epoch(), nonce: '0123456789abcdef' }
    await expect(b.register(1, { seenEpoch })).rejects.toMatchObject({ code: 'STALE_EPOCH' })
    const older = { ...seenEpoch, counter: 9 }
    await expect(b.register(1, { seenEpoch: older })).rejects.toMatchObject({ code: 'STALE_EPOCH' })
    expect((await b.store.servers()).length).toBe(1)
  })

  it('tells what every server reads, and refuses programs that read less in words that they know', async () => {
    const b = await start()
    const old = { featureLevel: undefined } as unknown as { featureLevel: number }
    expect(await b.register(0, old)).toMatchObject({ featureLevel: 1 })
    const { serverId } = await b.register(1)
    expect(await b.heartbeat(serverId), 'the first one has said nothing').toMatchObject({ featureLevel: 1 })
    expect(await b.register(0, { incarnation: 2 })).toMatchObject({ featureLevel: FORMAT_LEVEL })
    expect(await b.heartbeat(serverId)).toMatchObject({ featureLevel: FORMAT_LEVEL })
    const levels = (await b.master.namespace.viewCluster({ requestId: 'x', deadlineMs: Infinity })).servers
    expect(levels.map(({ featureLevel }) => featureLevel)).toEqual([FEATURE_LEVEL, FEATURE_LEVEL])

    const low = { featureLevel: FORMAT_LEVEL - 1 }
    await expect(b.register(2, low)).rejects.toMatchObject({ code: 'OUTDATED_PROGRAM' })
    await expect(b.register(2, old)).rejects.toMatchObject({
      code: 'WRONG_CLUSTER',
      detail: expect.stringContaining('start a newer program') as string,
    })
    expect((await b.store.servers()).length).toBe(2)
  })

  it('serves nobody on a restored backup, if that shows soon after the start (R6)', async () => {
    const b = await start()
    const [s0] = await b.registerAll(2)
    const seenEpoch = { ...b.store.epoch(), counter: 9 }
    await expect(b.register(2, { seenEpoch })).rejects.toMatchObject({ code: 'STALE_EPOCH' })
    await expect(b.register(1), 'who has seen less').rejects.toMatchObject({ code: 'STALE_EPOCH' })
    await expect(b.heartbeat(s0!)).rejects.toMatchObject({ code: 'STALE_EPOCH' })
    await expect(b.commit(s0!, b.writeCommand(s0!, 1, '/a'))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(b.allocate(s0!)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const directory = { kind: 'makeDirectory', path: '/d' as never } as const
    const own = b.master.namespace.execute(directory, { requestId: 'x', deadlineMs: Infinity })
    await expect(own).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const { whyNot } = await b.master.readiness()
    expect(whyNot).toContain('put the newest copy of its data directory back')
    const errors = b.world.log.lines.filter(({ level }) => level === 'error')
    expect(errors).toHaveLength(1)
    expect((await b.store.totals()).directories).toBe(0)
  })

  it('refuses one server alone that has seen more when the cluster has been serving for a while (R6)', async () => {
    const b = await start()
    const [s0] = await b.registerAll(2)
    await b.pass(30_000, s0!)
    const seenEpoch = { ...b.store.epoch(), counter: 9 }
    for (let tries = 0; tries < 3; tries += 1)
      await expect(b.register(2, { seenEpoch })).rejects.toMatchObject({ code: 'STALE_EPOCH' })
    const id = { server: s0!, incarnation: 1, number: 1 }
    const made = await b.commit(s0!, { kind: 'makeDirectory', path: '/d' as never, id })
    expect(made).toMatchObject({ ok: true })
    expect(b.world.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
  })

  it('logs copies that it does not know, and orders nothing about them (R7)', async () => {
    const b = await start()
    const copy = { volume: 5, replica: 6, state: 'open', lengthBytes: 1, verifiedToBytes: 0 } as const
    const reply = await b.register(0, { replicas: [copy] })
    expect(reply.orders).toEqual([])
    expect(b.world.log.lines).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        fields: expect.objectContaining({ copies: [{ ...copy, volume: formatId(5) }] }),
      }),
    )
  })
})
