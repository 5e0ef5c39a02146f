/**
 * kill -9 in the middle of a copy, of whoever takes part in it: afterwards it is whole, and hardly anything was copied twice. What
 * is made again is the copy of a full volume whose files a disk has lost, so that nobody has to be waited for until it is dead.
 */
import { statSync } from 'node:fs'
import { MIB } from '@dfs/protocol'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  isHealthy,
  kill,
  killFrozen,
  logOf,
  loseCopy,
  metricAt,
  repairsOf,
  sumOf,
  untilHealth,
  urlOf,
  volumesOf,
} from './lost-copy.ts'
import { clock, RealCluster } from './real-cluster.ts'

const SERVERS = ['chunk-server-1', 'chunk-server-2', 'chunk-server-3']
/** Nearly what a volume takes: what is on its way when somebody dies is some megabytes, whatever the size of the copy. */
const SIZE = 240 * MIB
/** Of the whole copy, for each death. */
const COPIED_TWICE_MAX = 0.1

let cluster: RealCluster
let volume: string
let length: number
let sum: string

beforeAll(async () => {
  cluster = await RealCluster.start()
  await cluster.untilReady()
  await using client = cluster.client()
  await cluster.untilReplicated(client)
  async function* content(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < SIZE; at += MIB) yield Buffer.alloc(MIB, `from ${at} on `)
  }
  await client.put('/large', content(), { size: SIZE })
  volume = (await volumesOf(cluster, '/large'))[0]!.volume
  length = statSync(logOf(cluster, 'chunk-server-1', volume)).size
  sum = await sumOf(cluster, 'chunk-server-1', volume)
})

afterAll(() => cluster.end())

/** Bytes that a server has given to others for copies since its start. */
const given = (server: string): Promise<number> =>
  metricAt(urlOf(cluster, server), 'dfs_copy_given_bytes_total')

/** What the others have given. */
async function givenTo(target: string): Promise<number> {
  const each = await Promise.all(SERVERS.filter((server) => server !== target).map(given))
  return each.reduce((all, bytes) => all + bytes, 0)
}

/** Resolves to what is read twice in a row. */
async function atRest(read: () => Promise<number>): Promise<number> {
  for (let before = await read(); ;) {
    await clock.sleep(50)
    const now = await read()
    if (now === before) return now
    before = now
  }
}

/** Resolves when so much of the lost copy is in the log of `target` again; rejects if all of it is. */
async function untilThere(target: string, part: number): Promise<void> {
  for (;;) {
    const stat = statSync(logOf(cluster, target, volume), { throwIfNoEntry: false })
    const there = (stat?.size ?? 0) / length
    if (there >= 1) throw new Error(`the moment at ${part} was missed`)
    if (there >= part) return
    await clock.sleep(2)
  }
}

/** Resolves when all is well to what became of it. */
async function untilMade(): Promise<{ state: string; target: string; sums: string[] }> {
  await untilHealth(cluster, isHealthy)
  const { state, target } = (await repairsOf(cluster)).find((each) => each.volume === volume)!
  return { state, target, sums: await Promise.all(SERVERS.map((server) => sumOf(cluster, server, volume))) }
}

/** All copies are the same, byte for byte. */
const whole = (target: string) => ({ state: 'done', target, sums: SERVERS.map(() => sum) })

it('all of the file is in one volume, with three copies', async () => {
  expect(length).toBeGreaterThan(SIZE)
  expect(await untilHealth(cluster, isHealthy)).toMatchObject({ counts: { byCopies: [{ copies: 3 }] } })
})

it('of the target: it goes on where it was', async () => {
  const target = 'chunk-server-2'
  const before = await givenTo(target)
  await loseCopy(cluster, target, volume)
  await untilThere(target, 0.5)
  kill(cluster, target)
  expect(await untilMade()).toEqual(whole(target))
  const copied = (await givenTo(target)) - before
  expect(copied / length).toBeGreaterThanOrEqual(1)
  expect(copied / length).toBeLessThanOrEqual(1 + COPIED_TWICE_MAX)
})

it('of the source: the next one gives the rest', async () => {
  const target = 'chunk-server-2'
  const before = await givenTo(target)
  await loseCopy(cluster, target, volume)
  await untilThere(target, 0.5)
  const { source } = (await repairsOf(cluster)).find(({ state }) => state === 'running')!
  // What a process has counted goes with it: so nobody asks it for more while that is read.
  const pid = cluster.pids.get(target)!
  process.kill(pid, 'SIGSTOP')
  const bySource = await atRest(() => given(source))
  await killFrozen(cluster, source, () => {})
  process.kill(pid, 'SIGCONT')
  expect(await untilMade()).toEqual(whole(target))
  const copied = bySource + (await givenTo(target)) - before
  expect(copied / length).toBeGreaterThanOrEqual(1)
  expect(copied / length).toBeLessThanOrEqual(1 + COPIED_TWICE_MAX)
})

it('of the target again and again: there is an end to it', async () => {
  const target = 'chunk-server-1'
  const before = await givenTo(target)
  await loseCopy(cluster, target, volume)
  const parts = [0.25, 0.5, 0.75]
  for (const part of parts) {
    await untilThere(target, part)
    kill(cluster, target)
  }
  expect(await untilMade()).toEqual(whole(target))
  const copied = (await givenTo(target)) - before
  expect(copied / length).toBeLessThanOrEqual(1 + parts.length * COPIED_TWICE_MAX)
})

it('of the master: nobody needs it for what it has ordered', async () => {
  const target = 'chunk-server-3'
  const before = await givenTo(target)
  await loseCopy(cluster, target, volume)
  await untilThere(target, 0.5)
  kill(cluster, 'master')
  expect(await untilMade()).toEqual(whole(target))
  const copied = (await givenTo(target)) - before
  expect(copied / length).toBeGreaterThanOrEqual(1)
  expect(copied / length).toBeLessThanOrEqual(1 + COPIED_TWICE_MAX)
})
