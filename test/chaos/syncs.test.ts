/**
 * The one thing that kill -9 cannot show, because the page cache outlives a process: that every sync comes before the answer.
 * The kernel's calls say it. And a sync of the metadata that fails is the end of the master, who must not guess what is on
 * its disk.
 */
import { basename, join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { RealCluster } from '../integration/real-cluster.ts'
import { contentOf } from '../workload/self-describing.ts'
import { pause, stopAndCheck, WITHIN_MS, withTraffic } from './chaos-run.ts'
import { type SeenCall } from './strace-log.ts'
import { WatchedCalls } from './strace.ts'

const WRITES = ['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2']
const SYNCS = ['fdatasync', 'fsync']
const SENDS = ['sendto', 'sendmsg']
const METADATA_LOG = 'metadata.db-wal'
const ROUNDS = 8
/** In one record, in one of several blocks, and beyond what is written in one piece. */
const SIZES = [100, 5000, 300_000]
/** Longer than all that follows a sync up to the answer. */
const SLOW = { call: 'fdatasync', byMs: 50 }
const COPIES = 3
const POLL_MS = 50
const FAILS_WITHIN_MS = 30_000

describe.skipIf(inject('whyNoChaos') !== null)('a sync', () => {
  let cluster: RealCluster

  beforeEach(async () => {
    cluster = await RealCluster.start()
    await using client = cluster.client()
    await cluster.untilReplicated(client)
  })
  afterEach(() => cluster?.end())

  it(
    'of the metadata, and of each copy in the receipt, has succeeded before a write is acknowledged',
    async () => {
      await using watched = await WatchedCalls.start({
        pids: [...cluster.pids.values()],
        calls: [...WRITES, ...SENDS, ...SYNCS],
        slow: SLOW,
        logFile: join(cluster.directory, 'strace-syncs.log'),
      })
      const fsynced = new Map<string, number>()
      for (let index = 0; index < ROUNDS * SIZES.length; index += 1) {
        const name = `synced-${100 + index}`
        const url = `${cluster.serverUrls[index % cluster.serverUrls.length]!}/v1/files/${name}`
        const body = contentOf(name, SIZES[index % SIZES.length]!)
        const response = await fetch(url, { method: 'PUT', body })
        expect(response.status, await response.text()).toBe(201)
        fsynced.set(name, Number(/fsynced=(\d+)/.exec(response.headers.get('durability')!)![1]))
        // The client may know of an answer a moment before it is written down.
        while (answerTo(name, watched.seen) === undefined) await pause(POLL_MS)
      }
      expect(Math.max(...fsynced.values()), 'every server had its part').toBe(COPIES)
      const calls = watched.seen
      for (const [name, copies] of fsynced) {
        const files = syncedBeforeAnswer(name, calls).map((file) => relative(cluster.dataDirectory, file))
        const nodes = [...new Set(files.map((file) => file.split('/')[0]))]
        expect(nodes, `${name}: the metadata was synced`).toContain('master')
        expect(nodes.length, `${name}: ${copies} copies were synced, beside the metadata`).toBe(copies + 1)
      }
    },
    WITHIN_MS,
  )

  it(
    'of the metadata that fails ends the master, and the next one has everything that was acknowledged',
    async () => {
      const pid = cluster.pids.get('master')!
      await withTraffic({ cluster, name: 'unsynced-metadata', writesMin: 30 }, async (traffic) => {
        await using failing = await WatchedCalls.startFailing({
          pid,
          files: [join(cluster.dataDirectory, 'master', METADATA_LOG)],
          calls: SYNCS,
          error: 'EIO',
          isOnce: true,
          logFile: join(cluster.directory, 'strace-metadata.log'),
        })
        const endMs = performance.now() + FAILS_WITHIN_MS
        while (cluster.pids.get('master') === pid) {
          if (performance.now() > endMs)
            throw new Error(`the master lives after ${failing.failuresCount} failures`)
          await pause(POLL_MS)
        }
        expect(failing.failuresCount, 'the fault happened').toBe(1)
        expect(failing.seen.at(-1), 'nothing was synced after it').toMatchObject({ hasFailed: true })
        await traffic.more(20)
      })
      const deaths = cluster.lines.filter(
        (line) => line.includes(' died ') || line.includes('refuses to run'),
      )
      expect(deaths).toEqual([expect.stringMatching(/^master died \(code [1-9]\d*\)/)])
      await stopAndCheck(cluster)
    },
    WITHIN_MS,
  )
})

/** The call in which the answer leaves that acknowledges the write of this file. */
const answerTo = (name: string, calls: readonly SeenCall[]): SeenCall | undefined =>
  calls.find(
    ({ file, operands }) =>
      file.startsWith('socket:') && operands.includes('"HTTP/1.1 201 ') && operands.includes(name),
  )

const isStore = (file: string): boolean =>
  basename(file) === METADATA_LOG || /\/volumes\/[^/]+\.log$/.test(file)

/**
 * The files of the stores that carry this name and were synced when the answer left: the sync began after the last of the
 * writes that carry it, and had succeeded.
 */
function syncedBeforeAnswer(name: string, calls: readonly SeenCall[]): string[] {
  const answer = answerTo(name, calls)
  if (answer === undefined) throw new Error(`no answer to ${name} was seen`)
  const before = calls.filter((call) => call.beganAt < answer.beganAt)
  const writes = before.filter(
    (call) => WRITES.includes(call.name) && isStore(call.file) && call.operands.includes(name),
  )
  const lastOf = new Map(writes.map((call) => [call.file, call]))
  return [...lastOf.values()].flatMap(({ file, endedAt }) => {
    const isSynced = before.some(
      (call) =>
        SYNCS.includes(call.name) &&
        call.file === file &&
        !call.hasFailed &&
        call.beganAt > endedAt &&
        call.endedAt < answer.beganAt,
    )
    return isSynced ? [file] : []
  })
}
