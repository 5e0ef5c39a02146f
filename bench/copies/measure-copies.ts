/**
 * What it takes to make one copy of a volume again, from one server to another, each in a process of its own on one disk. The
 * master is played by this process. CPU time of both is what counts: rates depend on the machine.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type CopyOrder, makeId, type VolumeOrder } from '@dfs/protocol'
import { findFreeOffset } from '../../scripts/cluster/free-offset.ts'
import { NODE_FLAGS } from '../../scripts/cluster/managed-service.ts'
import { cpuUs, residentMaxBytes } from '../measure/process-usage.ts'
import { CLUSTER_ID, PlayedMaster, SERVERS } from './played-master.ts'
import { writeIdentity, writeVolume } from './volume-on-disk.ts'

const PROGRAM = fileURLToPath(new URL('./copying-server.ts', import.meta.url))
const MIB = 2 ** 20
const RECORDS = [
  ['1 KiB', 1024],
  ['64 KiB', 64 * 1024],
  ['4 MiB', 4 * MIB],
] as const
const SOURCE_REPLICA = 10
/** Those that a cluster with this offset would have, and is not there. */
const FIRST_PORT = 7171
const WITHIN_MS = 300_000

export interface MeasureCopiesOptions {
  /** Made, and removed at the end. */
  readonly directory: string
  /** Of each volume. */
  readonly totalBytes: number
  readonly signal: AbortSignal
}

/** One copy: CPU milliseconds for a MiB, of the server that gives and of the one that gets. */
export interface CopyRow {
  readonly records: string
  readonly sourceMsPerMib: number
  readonly targetMsPerMib: number
  /** What is read back is part of it. */
  readonly mibPerSecond: number
  readonly sourceResidentMib: number
  readonly targetResidentMib: number
}

/** Rejects with the signal's reason, or if it takes too long; no process is left then. */
export async function measureCopies({
  directory,
  totalBytes,
  signal,
}: MeasureCopiesOptions): Promise<CopyRow[]> {
  mkdirSync(directory, { recursive: true })
  const children: ChildProcess[] = []
  const master = new PlayedMaster()
  const ends = AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)])
  try {
    return await measure({ directory, totalBytes, signal: ends }, master, children)
  } finally {
    await Promise.all(children.map(kill))
    await master.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measure(
  { directory, totalBytes, signal }: MeasureCopiesOptions,
  master: PlayedMaster,
  children: ChildProcess[],
): Promise<CopyRow[]> {
  const key = randomBytes(32)
  const address = await master.start(key)
  writeIdentity(join(directory, 'source'), CLUSTER_ID, SERVERS.get('source')!)
  const volumes = RECORDS.map(([name, recordBytes], index) => {
    const order = orderOf(makeId(1, index + 1))
    const replica = SOURCE_REPLICA + index
    const length = writeVolume(join(directory, 'source'), { order, replica, recordBytes, totalBytes })
    return { name, order, replica, length }
  })
  const offset = await findFreeOffset()
  const [source, target] = ['source', 'target'].map((name, index) => {
    const port = String(FIRST_PORT + offset + index)
    const words = [name, join(directory, name), port, address, key.toString('hex')]
    const child = fork(PROGRAM, words, { execArgv: [...NODE_FLAGS] })
    children.push(child)
    return child.pid!
  }) as [number, number]
  await master.until(() => master.serversCount === 2, signal)
  const [from, to] = [...SERVERS.values()] as [number, number]
  const rows: CopyRow[] = []
  for (const { name, order, replica: sourceReplica, length } of volumes) {
    const replica = sourceReplica + 100
    const before = [cpuUs(source), cpuUs(target)] as const
    const fromMs = performance.now()
    const copy: CopyOrder = {
      kind: 'copy',
      volume: order.volume,
      replica,
      order,
      sealedLengthBytes: length,
      sources: [{ server: from, replica: sourceReplica }],
      priority: 1,
    }
    master.orders.set(to, [copy])
    await master.until(() => master.reports.get(replica)?.verifiedToBytes === length, signal)
    master.orders.set(to, [])
    const seconds = (performance.now() - fromMs) / 1000
    const perMib = (us: number): number => us / 1000 / (length / MIB)
    rows.push({
      records: name,
      sourceMsPerMib: perMib(cpuUs(source) - before[0]),
      targetMsPerMib: perMib(cpuUs(target) - before[1]),
      mibPerSecond: length / MIB / seconds,
      sourceResidentMib: residentMaxBytes(source) / MIB,
      targetResidentMib: residentMaxBytes(target) / MIB,
    })
  }
  return rows
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

function orderOf(volume: number): VolumeOrder {
  return {
    volume,
    kind: 'small',
    salt: '0123456789abcdef',
    primary: { server: 1, incarnation: 1 },
    replicas: [{ replica: 1, server: 1, incarnation: 1 }],
  }
}
