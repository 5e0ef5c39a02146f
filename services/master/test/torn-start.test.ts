/**
 * A start that went on without a torn transaction: only the servers know whether somebody was told of it. Its copy stays until
 * all of them are back, and a server that has seen it says where the copy is.
 */
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Epoch } from '@dfs/protocol'
import { inspectLog, offsetOfFrame } from '@dfs/wal'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { copyAsCrashed, openAt, removeTemporaryDirectories, temporaryDirectory } from './fixture/engines.ts'
import { MasterBench } from './fixture/master-bench.ts'

const LOG_NAME = 'metadata.db-wal'

let crashed: string
/** What a server has seen that was told of the last transaction. */
let seenEpoch: Epoch

beforeAll(async () => {
  const directory = temporaryDirectory()
  const b = await MasterBench.start(await openAt(directory))
  const [server] = await b.registerAll(3)
  const id = { server: server!, incarnation: 1, number: 1 }
  await b.commit(server!, { kind: 'makeDirectory', path: '/last' as never, id })
  seenEpoch = b.store.epoch()
  crashed = copyAsCrashed(directory)
  await b.master.stop()
  const path = join(crashed, LOG_NAME)
  const log = readFileSync(path)
  const state = await inspectLog({
    size: async () => log.length,
    readInto: async (at, buffer) => log.copy(buffer, 0, at, at + buffer.length),
  })
  if (state.kind !== 'whole') throw new Error(`the log is ${state.kind}`)
  const end = offsetOfFrame(state.scan.header, state.scan.intactFrames)
  log.fill(0, end - 2000, end)
  writeFileSync(path, log)
})
afterAll(removeTemporaryDirectories)

const keptIn = (directory: string): string[] =>
  readdirSync(directory).filter((name) => name.startsWith('kept-'))

async function startTorn(): Promise<{ b: MasterBench; directory: string }> {
  const directory = copyAsCrashed(crashed)
  return { b: await MasterBench.start(await openAt(directory, 2)), directory }
}

it('keeps the copy until the last server that the metadata knows has registered (R6)', async () => {
  const { b, directory } = await startTorn()
  const clusterId = b.store.clusterId
  for (const index of [0, 1]) {
    await b.register(index, { incarnation: 2, clusterId })
    expect(keptIn(directory), `after server ${index}`).toHaveLength(2)
    expect(b.store.kept).toMatchObject([{ reason: 'torn' }])
  }
  await b.register(2, { incarnation: 2, clusterId })
  expect(keptIn(directory)).toEqual([])
  expect(b.store.kept).toEqual([])
  await b.master.stop()
})

it('tells a server that has seen the transaction where the copy is, and keeps it (R6)', async () => {
  const { b, directory } = await startTorn()
  const clusterId = b.store.clusterId
  const { prefix } = b.store.kept[0]!
  for (const index of [0, 1]) await b.register(index, { incarnation: 2, clusterId })
  await expect(b.register(2, { incarnation: 2, clusterId, seenEpoch })).rejects.toMatchObject({
    code: 'STALE_EPOCH',
    detail: expect.stringContaining(`kept as ${prefix}*, see docs/operating.md`) as string,
  })
  expect(keptIn(directory)).toHaveLength(2)
  const { whyNot } = await b.master.readiness()
  expect(whyNot).toContain('without the last transaction of its log')
  await b.master.stop()
})

it.skipIf(process.platform === 'win32')(
  'refuses a directory in which everybody may exchange files',
  async () => {
    const directory = copyAsCrashed(crashed)
    const before = readFileSync(join(directory, LOG_NAME))
    chmodSync(directory, 0o777)
    await expect(openAt(directory)).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
      detail: expect.stringContaining('chmod o-w') as string,
    })
    expect(readFileSync(join(directory, LOG_NAME)).equals(before)).toBe(true)
    // As /tmp is: nobody may exchange what belongs to another.
    chmodSync(directory, 0o1777)
    await (await openAt(directory)).close()
  },
)
