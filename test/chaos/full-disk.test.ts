/**
 * Disks that are really full: the data directories of the chunk servers are small file systems in memory. Whoever runs out of
 * room says so with the documented status, reads go on, and room is used as soon as there is some, without a restart.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createClient, type DfsClient, RequestError } from '@dfs/client'
import { NodeRandom } from '@dfs/node-runtime'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { clock, RealCluster } from '../integration/real-cluster.ts'
import { fetchAll } from '../workload/self-describing.ts'
import { pause, stopAndCheck, WITHIN_MS, withTraffic } from './chaos-run.ts'

const SERVERS = ['chunk-server-1', 'chunk-server-2', 'chunk-server-3']
/** Room for three volumes, which a server needs to be given another one, and a little more. */
const DISK_MIB = 900
const NOTICED_WITHIN_MS = 30_000
const SOMETHING = new Uint8Array(100_000)

describe.skipIf(inject('whyNoChaos') !== null)('a disk that is full', () => {
  const mounts: string[] = []
  let cluster: RealCluster
  let client: DfsClient

  beforeAll(async () => {
    cluster = await RealCluster.start({
      prepare: (dataDirectory) => {
        for (const name of SERVERS) {
          const directory = join(dataDirectory, name)
          mkdirSync(directory, { recursive: true, mode: 0o700 })
          execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m,mode=0700`, 'dfs-chaos', directory])
          mounts.push(directory)
        }
      },
    })
    client = createClient({ url: cluster.masterUrl, clock, random: new NodeRandom() })
  })
  afterAll(async () => {
    await client?.close()
    await cluster?.stop()
    for (const directory of mounts) execFileSync('umount', [directory])
    await cluster?.end()
  })

  const ballastOf = (name: string): string => join(cluster.dataDirectory, name, 'ballast')

  /** Leaves not a byte: `dd` ends when nothing is left, which is the point. */
  const fill = (name: string): void => {
    const command =
      'dd if=/dev/zero of="$1" bs=64k 2>/dev/null; test "$(df --output=avail "$1" | tail -1)" -eq 0'
    execFileSync('sh', ['-c', command, 'fill', ballastOf(name)])
  }

  /** Resolves to the first outcome of a write for which `isMeant` holds: its copies, or the error. */
  const write = async (
    isMeant: (outcome: number | RequestError) => boolean,
  ): Promise<number | RequestError> => {
    const endMs = clock.monotonicMs() + NOTICED_WITHIN_MS
    for (;;) {
      const outcome = await client.put('/probe', SOMETHING).then(
        ({ durability }) => durability?.copies ?? 0,
        (error: unknown) => {
          if (error instanceof RequestError) return error
          throw error
        },
      )
      if (isMeant(outcome) || clock.monotonicMs() > endMs) return outcome
      await pause(200)
    }
  }

  it(
    'on one server: writes go on with the copies that can be made',
    async () => {
      await withTraffic({ cluster, name: 'one-full', writesMin: 60 }, async (traffic) => {
        fill(SERVERS[1]!)
        await Promise.all([traffic.more(40), traffic.moreReads(10)])
        expect(await write((outcome) => outcome === 2)).toBe(2)
        rmSync(ballastOf(SERVERS[1]!))
      })
    },
    WITHIN_MS,
  )

  it(
    'on all servers: writes are refused with 507, reads go on, and room is used again without a restart',
    async () => {
      const pids = JSON.stringify([...cluster.pids])
      await withTraffic({ cluster, name: 'all-full', writesMin: 20 }, async (traffic) => {
        for (const name of SERVERS) fill(name)
        const refusal = await write((outcome) => outcome instanceof RequestError)
        expect(refusal).toMatchObject({ code: 'INSUFFICIENT_SPACE', status: 507 })
        for (const url of cluster.serverUrls) {
          const { bytes } = await fetchAll(`${url}/v1/files/probe`)
          expect(bytes.byteLength, `a read at ${url}`).toBe(SOMETHING.byteLength)
        }
        await traffic.moreReads(5)
        for (const name of SERVERS) rmSync(ballastOf(name))
        expect(await write((outcome) => typeof outcome === 'number')).toBeGreaterThanOrEqual(2)
        await traffic.more(10)
      })
      expect(JSON.stringify([...cluster.pids]), 'nobody was restarted').toBe(pids)
    },
    WITHIN_MS,
  )

  it('leaves a sound data directory', () => expect(stopAndCheck(cluster)).resolves.toBeUndefined(), WITHIN_MS)
})
