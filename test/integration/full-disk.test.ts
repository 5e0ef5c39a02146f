/**
 * Real processes on a real disk without a byte left: a tmpfs that all of them share. Only root may mount one; for everybody
 * else the containers of `npm run test:containers` show the same.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type RequestError } from '@dfs/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clock, RealCluster } from './real-cluster.ts'

/** Three volumes of each server must have room, and the floor. */
const DISK_MIB = 1000
const NOTICED = { timeout: 20_000 }
const isRoot = process.platform === 'linux' && process.getuid?.() === 0

describe.skipIf(!isRoot)('a full disk (needs root: it mounts a tmpfs)', () => {
  let cluster: RealCluster
  const content = Buffer.alloc(300_000, 'something')

  beforeAll(async () => {
    cluster = await RealCluster.start({
      prepare: (directory) => {
        mkdirSync(directory, { recursive: true })
        execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', directory])
      },
    })
  })
  afterAll(async () => {
    await cluster.stop()
    execFileSync('umount', ['-l', cluster.dataDirectory])
    await cluster.end()
  })

  const ballast = (): string => join(cluster.dataDirectory, 'ballast')
  function fill(): void {
    const [file, piece] = [openSync(ballast(), 'a'), Buffer.alloc(2 ** 20, 1)]
    const writeForEver = (): never => {
      for (;;) writeSync(file, piece)
    }
    expect(writeForEver).toThrow(/ENOSPC/)
    closeSync(file)
  }

  /** Resolves when every node has noticed that there is no room, or that there is some again. */
  const untilFull = async (isFull: boolean): Promise<void> => {
    const servers = async (): Promise<boolean[]> => (await cluster.servers()).map((server) => server.isFull)
    await expect.poll(servers, NOTICED).toEqual(cluster.serverUrls.map(() => isFull))
    const makeDirectory = (): Promise<Response> =>
      fetch(`${cluster.masterUrl}/v1/directories/room`, { method: 'PUT' })
    await expect.poll(async () => (await makeDirectory()).status === 507, NOTICED).toBe(isFull)
  }

  const readsBack = async (): Promise<void> => {
    for (const url of cluster.serverUrls) {
      const reply = await fetch(`${url}/v1/files/kept`)
      expect(reply.status).toBe(200)
      expect(Buffer.from(await reply.arrayBuffer()).equals(content)).toBe(true)
    }
  }

  it('is written to until it is full, read from, started on, and written to again when there is room', async () => {
    await using client = cluster.client({ deadlineMs: 8000 })
    await client.put('/kept', content)
    fill()
    await untilFull(true)
    const fromMs = clock.monotonicMs()
    const refused = await fetch(`${cluster.serverUrls[0]}/v1/files/refused`, { method: 'PUT', body: content })
    expect(refused.status).toBe(507)
    expect(clock.monotonicMs() - fromMs).toBeLessThan(1500)
    const error: unknown = await client.put('/refused', content).catch((thrown: unknown) => thrown)
    expect((error as RequestError).code).toBe('INSUFFICIENT_SPACE')
    await readsBack()
    expect(cluster.lines.join('\n'), 'no process ended').not.toContain(' died ')

    await cluster.stop()
    await cluster.start()
    await readsBack()
    expect((await fetch(`${cluster.masterUrl}/v1/directories/d`, { method: 'PUT' })).status).toBe(507)

    rmSync(ballast())
    await untilFull(false)
    await client.put('/again', content)
  })
})
