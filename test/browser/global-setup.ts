/**
 * One cluster for all files of the project: the one at DFS_BROWSER_URL (its master), or one of processes that is started
 * here, of a master and one chunk server: all chunk servers are one program, with one page. What the tests know of it is its nodes' addresses.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestProject } from 'vitest/node'
import { Cluster } from '../../scripts/cluster/cluster.ts'
import { MASTER_PORT, planCluster } from '../../scripts/cluster/plan.ts'
import { SERVICE_PROGRAMS } from '../../scripts/cluster/programs.ts'
import { reservePorts } from '../integration/reserved-ports.ts'
import { findChromium } from './chromium.ts'

/** One node that has a page: its name for the reports, and its origin. */
export interface BrowsedNode {
  readonly name: string
  readonly url: string
}

declare module 'vitest' {
  interface ProvidedContext {
    /** The master first; empty where the tests are skipped. */
    readonly nodes: BrowsedNode[]
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (findChromium() === null) {
    if (process.env['DFS_REQUIRE_BROWSER'] === '1')
      throw new Error('DFS_REQUIRE_BROWSER=1, but no Chromium is here')
    process.stderr.write('browser tests skipped: no Chromium is installed (apt-get install chromium)\n')
    project.provide('nodes', [])
    return undefined
  }
  const given = process.env['DFS_BROWSER_URL']
  if (given !== undefined && given !== '') {
    project.provide('nodes', await nodesOf(new URL(given).origin))
    return undefined
  }
  const { masterUrl, stop } = await startCluster()
  try {
    project.provide('nodes', await nodesOf(masterUrl))
  } catch (error) {
    await stop()
    throw error
  }
  return stop
}

async function startCluster(): Promise<{ masterUrl: string; stop: () => Promise<void> }> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'dfs-browser-'))
  const { gateway: _unused, ...programs } = SERVICE_PROGRAMS
  const { offset: portOffset, reservation } = await reservePorts()
  const plan = planCluster({ dataDirectory, chunkServers: 1, portOffset, programs, environment: {} })
  const cluster = await Cluster.start({ plan, say: (line) => process.stderr.write(`${line}\n`) })
  return {
    masterUrl: `http://localhost:${MASTER_PORT + portOffset}`,
    stop: async () => {
      await cluster.stop()
      reservation.close()
      rmSync(dataDirectory, { recursive: true, force: true })
    },
  }
}

async function nodesOf(masterUrl: string): Promise<BrowsedNode[]> {
  const response = await fetch(`${masterUrl}/v1/servers`)
  if (!response.ok)
    throw new Error(`GET ${masterUrl}/v1/servers: ${response.status} ${await response.text()}`)
  const { servers }: { servers: BrowsedNode[] } = JSON.parse(await response.text())
  if (servers.length === 0) throw new Error(`${masterUrl} knows no chunk server`)
  return [{ name: 'the master', url: masterUrl }, ...servers.map(({ name, url }) => ({ name, url }))]
}
