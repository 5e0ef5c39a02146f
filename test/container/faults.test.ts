/** Parts of the real system fail while files are written: what was acknowledged stays, what was refused never was. */
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { type DfsClient, RequestError } from '@dfs/client'
import { ComposeCluster, type Service } from './compose-cluster.ts'
import { lineSession } from './line-session.ts'
import { Traffic, wrongFiles } from './traffic.ts'

/** Kills the service of the container in which it runs, as the system would. */
const KILL_SERVICE = `
  const { readdirSync, readFileSync } = require('node:fs')
  for (const pid of readdirSync('/proc').filter((name) => Number(name) > 1 && Number(name) !== process.pid)) {
    if (readFileSync('/proc/' + pid + '/cmdline', 'utf8').startsWith('dfs-')) process.kill(pid, 'SIGKILL')
  }
`

describe.skipIf(inject('whyNoContainers') !== null)('under traffic', () => {
  let cluster: ComposeCluster
  let client: DfsClient
  let traffic: Traffic
  let count = 0

  beforeAll(async () => {
    cluster = await ComposeCluster.start()
    client = cluster.client()
  })
  afterAll(() => cluster?.end())

  beforeEach(async () => {
    await cluster.serversAre('alive', 3)
    count += 1
    traffic = new Traffic(client, `/traffic/${count}`)
    await traffic.goesOn()
  })

  const other = async (): Promise<Service> =>
    (await cluster.preferred()) === 'chunk-server-3' ? 'chunk-server-2' : 'chunk-server-3'

  /** Without a master nothing is committed; who does not wait for it is told so, in the catalogue's words. */
  const isRefused = async (): Promise<void> => {
    const impatient = cluster.client({ deadlineMs: 2000, attemptTimeoutMs: 8000 })
    const refusal = await impatient.put('/refused', new Uint8Array(100)).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(RequestError)
    expect(['UNAVAILABLE', 'TIMEOUT_ERROR', 'COPY_ERROR']).toContain((refusal as RequestError).code)
  }

  it.each<[string, () => Promise<void>]>([
    [
      'a chunk server is killed: writing goes on without it, and it comes back',
      async () => {
        const victim = await other()
        await cluster.kill(victim)
        await traffic.goesOn(100)
        await cluster.restart(victim)
      },
    ],
    [
      'the preferred coordinator is killed: another takes over, also for the line protocol',
      async () => {
        const victim = await cluster.preferred()
        await cluster.kill(victim)
        await traffic.goesOn(100)
        const replies = await lineSession(cluster.port(6001), ['CREATE_FILE:without-the-preferred'])
        expect(replies).toEqual(['FILE_CREATED'])
        await cluster.restart(victim)
      },
    ],
    [
      'a chunk server crashes: the engine starts it again',
      async () => {
        const victim = await other()
        // What the engine kills stays down, since its user wanted that; this is a process that dies.
        await cluster.compose('exec', '-T', victim, 'node', '-e', KILL_SERVICE)
        await traffic.goesOn(100)
        await cluster.wasRestarted(victim)
      },
    ],
    [
      'the master is killed: writing waits for it and goes on',
      async () => {
        await cluster.kill('master')
        await isRefused()
        await cluster.restart('master')
        await traffic.goesOn(100)
      },
    ],
    [
      'a chunk server is cut off from the network and comes back',
      async () => {
        const victim = await other()
        await cluster.disconnect(victim)
        await cluster.serversAre('alive', 2)
        await traffic.goesOn(100)
        await cluster.reconnect(victim)
      },
    ],
    [
      'the preferred coordinator hangs, and wakes up among volumes that were sealed meanwhile',
      async () => {
        const victim = await cluster.preferred()
        await cluster.pause(victim)
        await cluster.serversAre('alive', 2)
        await traffic.goesOn(100)
        await cluster.unpause(victim)
      },
    ],
    [
      'the master hangs: writing waits for it and goes on',
      async () => {
        await cluster.pause('master')
        await isRefused()
        await cluster.unpause('master')
        await traffic.goesOn(100)
      },
    ],
  ])('%s', async (_name, breakAndMend) => {
    await breakAndMend()
    await cluster.serversAre('alive', 3)
    await traffic.goesOn()
    expect(await wrongFiles(client, await traffic.stop())).toEqual([])
  })
})
