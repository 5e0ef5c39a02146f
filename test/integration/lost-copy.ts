/**
 * What the tests of lost copies share: which volume a file is in, a copy that a disk has lost, what a process has counted, and
 * waiting for what the cluster says.
 */
import { createHash } from 'node:crypto'
import { createReadStream, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Explanation, type HealthView, type RepairsView, type RepairView } from '@dfs/protocol'
import { PATIENCE_MS, until } from './launcher/launched.ts'
import { clock, type RealCluster } from './real-cluster.ts'

export interface StoredVolume {
  /** Hexadecimal, as in the names of its files. */
  readonly volume: string
  /** Names of those that have a copy. */
  readonly servers: readonly string[]
}

async function askMaster<T>({ masterUrl }: RealCluster, path: string): Promise<T> {
  const response = await fetch(`${masterUrl}${path}`)
  if (response.status !== 200) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`)
  return JSON.parse(await response.text()) as T
}

/** The volumes of a file, in its order; each once. */
export async function volumesOf(cluster: RealCluster, path: string): Promise<StoredVolume[]> {
  const { parts } = await askMaster<Explanation>(cluster, `/v1/explain${path}`)
  const found = new Map<string, readonly string[]>()
  for (const { volume, copies } of parts) {
    const servers = copies.map(({ server }) => server)
    found.set(volume, servers)
  }
  return Array.from(found, ([volume, servers]) => ({ volume, servers }))
}

export const repairsOf = async (cluster: RealCluster): Promise<RepairView[]> =>
  (await askMaster<RepairsView>(cluster, '/v1/repairs')).repairs

/** Of a volume; undefined if there was none. */
export const newestRepair = async (cluster: RealCluster, volume: string): Promise<RepairView | undefined> =>
  (await repairsOf(cluster)).find((repair) => repair.volume === volume)

/** Resolves when a repair of a volume that is newer than `before` is over. */
export async function untilRepaired(
  cluster: RealCluster,
  volume: string,
  before: RepairView | undefined,
): Promise<RepairView> {
  const endMs = clock.monotonicMs() + PATIENCE_MS
  for (;;) {
    const newest = await newestRepair(cluster, volume).catch(() => undefined)
    if (newest !== undefined && newest.id !== before?.id && newest.state !== 'running') return newest
    if (clock.monotonicMs() > endMs) throw new Error(`the last repair is ${JSON.stringify(newest)}`)
    await clock.sleep(100)
  }
}

/** Resolves with the first answer that is so; rejects with the last one. */
export async function untilHealth(
  cluster: RealCluster,
  isSo: (view: HealthView) => boolean,
): Promise<HealthView> {
  const endMs = clock.monotonicMs() + PATIENCE_MS
  for (;;) {
    const view = await askMaster<HealthView>(cluster, '/v1/health').catch((error: unknown) => error)
    if (!(view instanceof Error) && isSo(view as HealthView)) return view as HealthView
    if (clock.monotonicMs() > endMs) throw new Error(`it is still ${JSON.stringify(view)}`)
    await clock.sleep(200)
  }
}

export const isHealthy = ({ state }: HealthView): boolean => state === 'healthy'
export const codesOf = ({ reasons }: HealthView): string[] => reasons.map(({ code }) => code)

/** One number of a process; 0 while it does not answer. */
export async function metricAt(url: string, name: string): Promise<number> {
  const text = await fetch(`${url}/metrics`).then(
    (response) => response.text(),
    () => '',
  )
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? 0)
}

export const urlOf = (cluster: RealCluster, server: string): string =>
  cluster.serverUrls[Number(server.at(-1)) - 1]!

export const logOf = ({ dataDirectory }: RealCluster, server: string, volume: string): string =>
  join(dataDirectory, server, 'volumes', `${volume}.log`)

/** SHA-256 of the log of a copy. */
export async function sumOf(cluster: RealCluster, server: string, volume: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(logOf(cluster, server, volume)), hash)
  return hash.digest('hex')
}

/** SIGKILL; the launcher starts the service again. */
export function kill({ pids }: RealCluster, name: string): void {
  process.kill(pids.get(name)!, 'SIGKILL')
}

/** Nothing happens in a service while `meanwhile` runs. */
export async function whileFrozen<T>(
  { pids }: RealCluster,
  name: string,
  meanwhile: () => Promise<T>,
): Promise<T> {
  const pid = pids.get(name)!
  process.kill(pid, 'SIGSTOP')
  try {
    return await meanwhile()
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}

/** The same, and then it is killed. Resolves when it was started again. */
export async function killFrozen(cluster: RealCluster, name: string, meanwhile: () => void): Promise<void> {
  const before = cluster.pids.get(name)!
  process.kill(before, 'SIGSTOP')
  try {
    meanwhile()
  } finally {
    process.kill(before, 'SIGKILL')
  }
  await until(() => (cluster.pids.get(name) ?? before) !== before)
}

/** A disk has lost the files of a copy: its server ends, and the next start is without it. */
export const loseCopy = (cluster: RealCluster, server: string, volume: string): Promise<void> =>
  killFrozen(cluster, server, () => {
    const log = logOf(cluster, server, volume)
    for (const file of [log, log.replace(/log$/, 'json')]) rmSync(file)
  })
