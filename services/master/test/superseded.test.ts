/** A server in whose place another disk is: gone at once, and what that means where the settings of two are wrong. */
import { openContext, type ServerInfo } from '@dfs/protocol'
import { afterEach, expect, it } from 'vitest'
import { openAt, removeTemporaryDirectories, temporaryDirectory } from './fixture/engines.ts'
import { MasterBench } from './fixture/master-bench.ts'

let b: MasterBench

afterEach(async () => {
  await b.master.stop()
  removeTemporaryDirectories()
})

const ADDRESS = '127.0.0.1:7171'
const context = () => openContext(b.world.clock, 'r')
const liveness = async (id: number): Promise<ServerInfo['liveness'] | undefined> =>
  (await b.master.namespace.viewCluster(context())).servers.find((server) => server.id === id)?.liveness
const logged = (level: string, about: string): number =>
  b.world.log.lines.filter((line) => line.level === level && line.message.includes(about)).length

/** Another disk at the address of the first server. */
const registerInItsPlace = (change: Parameters<MasterBench['register']>[1] = {}) =>
  b.register(9, { internalAddress: ADDRESS, name: 'chunk-0', ...change })

it('its copies count for no receipt from then on (R23)', async () => {
  b = await MasterBench.start()
  const [gone, primary] = await b.registerAll(3)
  const [order] = await b.allocate(primary!)
  const commit = async (number: number) => {
    const place = { volume: order!.volume, offset: number * 100, copies: 3, recordSize: 100, length: 10 }
    const command = b.writeCommand(primary!, number, `/f${number}`)
    return b.commit(primary!, { ...command, chunk: { ...place, crc32: 1 } })
  }
  expect(await commit(0)).toMatchObject({ ok: true, copies: 3 })
  expect(order!.replicas.map(({ server }) => server)).toContain(gone)
  await registerInItsPlace()
  expect(await liveness(gone!)).toBe('dead')
  expect(await commit(1)).toMatchObject({ ok: true, copies: 2 })
  expect(logged('warn', 'that one is gone')).toBe(1)
})

it('also if it was not heard since the master started, and nobody else was', async () => {
  const directory = temporaryDirectory()
  b = await MasterBench.start(await openAt(directory))
  const [gone] = await b.registerAll(3)
  await b.master.stop()
  b = await MasterBench.start(await openAt(directory, 2))
  expect(await liveness(gone!)).toBe('suspect')
  await registerInItsPlace()
  expect(await liveness(gone!)).toBe('dead')
})

it('is alive again as soon as it is back in its place', async () => {
  b = await MasterBench.start()
  const [first] = await b.registerAll(1)
  const { serverId: second } = await registerInItsPlace()
  await b.register(0, { incarnation: 2 })
  expect(await liveness(first!)).toBe('alive')
  expect(await liveness(second)).toBe('dead')
  expect(logged('error', 'internal address')).toBe(0)
})

it('a registration that comes late takes the place of nobody for longer than a heartbeat', async () => {
  b = await MasterBench.start()
  const [first] = await b.registerAll(1)
  await registerInItsPlace()
  await expect(b.heartbeat(first!)).rejects.toMatchObject({ code: 'UNKNOWN_SERVER' })
  await b.register(0)
  expect(await liveness(first!)).toBe('alive')
  await b.heartbeat(first!)
})

it('two servers at one address stay alive, do not take turns, and are named', async () => {
  b = await MasterBench.start()
  const [first, other] = await b.registerAll(2)
  const { serverId: second } = await registerInItsPlace()
  await expect(b.heartbeat(first!)).rejects.toMatchObject({ code: 'UNKNOWN_SERVER' })
  await b.register(0)
  for (let seconds = 0; seconds < 60; seconds += 1) {
    await b.pass(1000, first!, second, other!)
    expect([await liveness(first!), await liveness(second)], `after ${seconds} s`).toEqual(['alive', 'alive'])
  }
  expect(logged('warn', 'that one is gone'), 'when the second one came').toBe(1)
  expect(logged('error', 'internal address')).toBe(1)
  const { reasons } = await b.master.namespace.viewHealth(context())
  expect(reasons.find(({ code }) => code === 'address-shared')).toMatchObject({
    state: 'degraded',
    text: `chunk-0 (id ${first}) and chunk-0 (id ${second}) say that they are at one internal address, ${ADDRESS}`,
  })
  // A restart of one of them, with the same settings, is no new fight.
  await registerInItsPlace({ incarnation: 2 })
  expect(await liveness(first!)).toBe('alive')

  await b.pass(5000, first!, other!)
  await b.register(9, { internalAddress: '127.0.0.1:7999', incarnation: 3 })
  const after = await b.master.namespace.viewHealth(context())
  expect(after.reasons.map(({ code }) => code)).not.toContain('address-shared')
})
