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
import { FailingCalls, type Injection } from './strace.ts'

const SICK = 'chunk-server-2'
const SYNC = 'fdatasync'
const FAILS_WITHIN_MS = 30_000
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

  const begin = (calls: readonly string[], error: Injection['error']): Promise<FailingCalls> =>
    FailingCalls.start({
      pid: cluster.pids.get(SICK)!,
      files: logs(),
      calls,
      alsoSeen: calls.includes(SYNC) ? [] : [SYNC],
      error,
      logFile: join(cluster.directory, `strace-${calls[0]!}-${error}.log`),
    })

  /** What the server has written down about the copy whose log this is. */
  const stateOf = (log: string): string => {
    const { state }: { state: string } = JSON.parse(readFileSync(log.replace(/\.log$/, '.json'), 'utf8'))
    return state
  }

  /** Resolves when a call has failed and the clients have got on with it. */
  const failed = async (failing: FailingCalls, traffic: Traffic): Promise<void> => {
    const endMs = performance.now() + FAILS_WITHIN_MS
    while (failing.failuresCount === 0) {
      if (performance.now() > endMs) throw new Error(`no call has failed within ${FAILS_WITHIN_MS} ms`)
      await traffic.more(1)
    }
    await traffic.more(20)
  }

  it.each([
    ['syncs fail', [SYNC], 'EIO'],
    ['writes fail', WRITES, 'EIO'],
    ['writes find no room', WRITES, 'ENOSPC'],
  ] as const)(
    '%s: the volume ends, is not synced again, and nothing is lost',
    async (_, calls, error) => {
      const pid = cluster.pids.get(SICK)!
      const files = new Set<string>()
      await withTraffic({ cluster, name: `${calls[0]}-${error}`, writesLeast: 40 }, async (traffic) => {
        await using failing = await begin(calls, error)
        await failed(failing, traffic)
        const { seen } = failing
        for (const [index, { name, file, hasFailed }] of seen.entries()) {
          if (!hasFailed) continue
          files.add(file)
          const after = seen.slice(index + 1).filter((call) => call.file === file && call.name === SYNC)
          expect(after, `${file} was synced after its ${name} had failed`).toEqual([])
        }
        expect(files.size, 'the fault happened').toBeGreaterThan(0)
      })
      for (const file of files) expect(['sealed', 'failed'], file).toContain(stateOf(file))
      expect(cluster.pids.get(SICK), 'the server lives on').toBe(pid)
      await stopAndCheck(cluster)
    },
    WITHIN_MS,
  )

  it(
    'reads fail: the bytes come from another server',
    async () => {
      await withTraffic({ cluster, name: 'unreadable', writesLeast: 40 }, async (traffic) => {
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
    },
    WITHIN_MS,
  )
})
