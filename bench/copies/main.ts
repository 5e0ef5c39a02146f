/**
 * `npm run bench:copies`: what it takes to make one copy of a volume again, from one server to another, each in a process of its
 * own on one disk. The master is played by this process. CPU time of both is what counts: rates depend on the machine.
 *
 *   npm run bench:copies -- [--mib 256]
 */
import { fork, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type CopyOrder, makeId, type VolumeOrder } from '@dfs/protocol'
import { findFreeOffset } from '../../scripts/cluster/free-offset.ts'
import { cpuUs, residentMaxBytes } from '../measure/process-usage.ts'
import { CLUSTER_ID, PlayedMaster, SERVERS } from './played-master.ts'
import { writeIdentity, writeVolume } from './volume-on-disk.ts'

const DATA_ROOT = fileURLToPath(new URL('../../.data/', import.meta.url))
const MIB = 2 ** 20
const RECORDS = [
  ['1 KiB', 1024],
  ['64 KiB', 64 * 1024],
  ['4 MiB', 4 * MIB],
] as const
/** CPU milliseconds for a MiB, of the server that gives and of the one that gets. */
const TARGETS = { source: 1.5, target: 5 }
const SOURCE_REPLICA = 10
/** Those that a cluster with this offset would have, and is not there. */
const FIRST_PORT = 7171

const { values } = parseArgs({ options: { mib: { type: 'string', default: '256' } } })
mkdirSync(DATA_ROOT, { recursive: true })
const directory = mkdtempSync(join(DATA_ROOT, 'copies-'))
const children: ChildProcess[] = []
try {
  await measure(Number(values.mib) * MIB)
} finally {
  for (const child of children) child.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
}
process.exit(0)

async function measure(totalBytes: number): Promise<void> {
  const key = randomBytes(32)
  const master = new PlayedMaster()
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
    const program = fileURLToPath(new URL('./copying-server.ts', import.meta.url))
    const port = String(FIRST_PORT + offset + index)
    const child = fork(program, [name, join(directory, name), port, address, key.toString('hex')])
    children.push(child)
    return child.pid!
  }) as [number, number]
  await master.until(() => master.serversCount === 2)
  const [from, to] = [...SERVERS.values()] as [number, number]
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
    await master.until(() => master.reports.get(replica)?.verifiedToBytes === length)
    master.orders.set(to, [])
    const seconds = (performance.now() - fromMs) / 1000
    const perMib = (us: number): number => us / 1000 / (length / MIB)
    const [given, got] = [perMib(cpuUs(source) - before[0]), perMib(cpuUs(target) - before[1])]
    const memory = `${mib(residentMaxBytes(source))} and ${mib(residentMaxBytes(target))} MiB resident`
    process.stdout.write(
      `records of ${name.padEnd(6)}  source ${given.toFixed(2)} of ${TARGETS.source}, target ${got.toFixed(2)} of ${TARGETS.target} CPU ms/MiB, ${(length / MIB / seconds).toFixed(0)} MiB/s, ${memory}\n`,
    )
  }
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(0)
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
