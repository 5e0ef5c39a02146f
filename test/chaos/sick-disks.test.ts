/**
 * A disk under one chunk server whose writes, syncs or reads fail: the kernel says EIO or ENOSPC for the files of its volumes.
 * Nothing that was acknowledged is lost, a file whose sync has failed is never synced again, and the service goes on.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { RealCluster } from '../integration/real-cluster.ts'
import { fetchAll, valueOf } from '../workload/self-describing.ts'
import { type Traffic } from '../workload/traffic.ts'
import { pause, stopAndCheck, untilAllCopies, WITHIN_MS, withTraffic } from './chaos-run.ts'
import { type Injection, WatchedCalls } from './strace.ts'

const SICK = 'chunk-server-2'
const SYNC = 'fdatasync'
const FAILS_WITHIN_MS = 10_000
const ATTEMPTS_MAX = 4
/** However libuv writes the pieces of a batch. */
const WRITES = ['write', 'writev', 'pwrite64', 'pwritev']
const READS = ['read', 'readv', 'pread64', 'preadv']

describe.skipIf(inject('whyNoChaos') !== null)('a disk that fails', () => {
  let cluster: RealCluster

  // A cluster for each fault: after one the server is avoided for a while, and the next one would not find it at work.
  beforeEach(async () => {
    cluster = await RealCluster.start()
    await untilAllCopies(cluster)
  })
  afterEach(() => cluster?.end())

  const volumesDirectory = (): string => join(cluster.dataDirectory, SICK, 'volumes')

  /** The logs that are there now; those made later are on the healthy part of the disk. */
  const logs = (): string[] =>
    readdirSync(volumesDirectory())
      .filter((name) => name.endsWith('.log'))
      .map((name) => join(volumesDirectory(), name))

  const begin = (calls: readonly string[], error: Injection['error']): Promise<WatchedCalls> =>
    WatchedCalls.startFailing({
      pid: cluster.pids.get(SICK)!,
      files: logs(),
      calls,
      alsoSeen: calls.includes(SYNC) ? [] : [SYNC],
      error,
      logFile: join(cluster.directory, `strace-${calls[0]!}-${error}.log`),
    })

  /**
   * What the server has written down about the copy whose log this is. Null if there is none any more: a failed copy is dropped, and
   * made again as another copy, with a number of its own, under the same name.
   */
  const noteOf = (log: string): { state: string; replica: number } | null => {
    try {
      return JSON.parse(readFileSync(log.replace(/\.log$/, '.json'), 'utf8'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  }

  /**
   * Resolves when a call has failed and the clients have got on with it. On a busy machine the volumes that were there may
   * all have ended before the fault began: then those that are there now fail.
   */
  const beginUntilFailed = async (
    calls: readonly string[],
    error: Injection['error'],
    traffic: Traffic,
  ): Promise<WatchedCalls> => {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      await using held = new AsyncDisposableStack()
      const failing = held.use(await begin(calls, error))
      const endMs = performance.now() + FAILS_WITHIN_MS
      while (failing.failuresCount === 0 && performance.now() < endMs) await traffic.more(1)
      if (failing.failuresCount > 0) {
        await Promise.all([traffic.more(20), traffic.moreReads(5)])
        held.move()
        return failing
      }
    }
    throw new Error(`no call has failed in ${ATTEMPTS_MAX} attempts of ${FAILS_WITHIN_MS} ms`)
  }

  it.each([
    ['syncs fail', [SYNC], 'EIO', ['failed']],
    // Whatever the reason, the kernel has dropped what it could not write.
    ['syncs find no room', [SYNC], 'ENOSPC', ['failed']],
    ['writes fail', WRITES, 'EIO', ['failed']],
    // Nothing is lost of what was synced before: it may be sealed there, and is synced once more before it is verified.
    ['writes find no room', WRITES, 'ENOSPC', ['sealed', 'failed']],
  ] as const)(
    '%s: the volume ends, a failed one is not synced again, and nothing is lost',
    async (_, calls, error, states) => {
      const pid = cluster.pids.get(SICK)!
      const failed = new Map<string, number>()
      await withTraffic({ cluster, name: `${calls[0]}-${error}`, writesMin: 40 }, async (traffic) => {
        await using failing = await beginUntilFailed(calls, error, traffic)
        const { seen } = failing
        for (const { name, file, hasFailed, endedAt } of seen) {
          if (!hasFailed) continue
          const note = noteOf(file)
          if (note !== null && !failed.has(file)) failed.set(file, note.replica)
          if (note?.state !== 'failed') continue
          const after = seen.filter(
            (call) => call.file === file && call.name === SYNC && call.beganAt > endedAt,
          )
          expect(after, `${file} was synced after its ${name} had failed`).toEqual([])
        }
        expect(failing.failuresCount, 'the fault happened').toBeGreaterThan(0)
      })
      const expected: readonly string[] = [...states, 'retired']
      const wrong = [...failed].filter(([file, replica]) => {
        const note = noteOf(file)
        return note?.replica === replica && !expected.includes(note.state)
      })
      expect(wrong).toEqual([])
      expect(cluster.pids.get(SICK), 'the server lives on').toBe(pid)
      await stopAndCheck(cluster)
    },
    WITHIN_MS,
  )

  it(
    'reads fail: the bytes come from another server',
    async () => {
      await withTraffic({ cluster, name: 'unreadable', writesMin: 40 }, async (traffic) => {
        await traffic.more(30)
        const before = [...traffic.ownFiles]
        expect(before.length).toBeGreaterThan(5)
        await using failing = await begin(READS, 'EIO')
        const url = cluster.serverUrls[1]!
        for (const [path, value] of before) {
          expect(valueOf((await fetchAll(`${url}/v1/files${path}`)).bytes), path).toBe(value)
        }
        await pause(100)
        expect(failing.failuresCount, 'reads at this server failed').toBeGreaterThan(0)
      })
      await stopAndCheck(cluster)
    },
    WITHIN_MS,
  )
})
