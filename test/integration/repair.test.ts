/** Bits that flip on a real disk under a running server: nobody reads them, and the copy is mended while files are served. */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { checkDataDirectory } from '../../packages/cli/src/local/cluster-at-rest.ts'
import { RealCluster } from './real-cluster.ts'
import { PATIENCE_MS, until } from './launcher/launched.ts'

const BLOCK_BYTES = 64 * 1024

let cluster: RealCluster
const files = new Map<string, Buffer>()

beforeAll(async () => {
  cluster = await RealCluster.start()
  await cluster.untilReady()
  const client = cluster.client()
  await cluster.untilReplicated(client)
  for (let index = 0; index < 12; index += 1) {
    const content = Buffer.alloc(index % 3 === 0 ? 5_000_000 : 3000 * (index + 1), `file ${index} `)
    files.set(`/files/${index}`, content)
    await client.put(`/files/${index}`, content)
  }
  await client.close()
})

afterAll(async () => {
  await cluster.end()
  rmSync(cluster.directory, { recursive: true, force: true })
})

const logsOf = (server: string): string[] => {
  const volumes = join(cluster.dataDirectory, server, 'volumes')
  return readdirSync(volumes)
    .filter((name) => name.endsWith('.log'))
    .map((name) => join(volumes, name))
}

/**
 * Flips one bit in each block of each log that holds the test's files, in place, as a disk would; the number of bits. A log
 * of the first moments holds others, which nobody reads: nobody would find what is wrong there before the next check.
 */
function damageEveryBlock(server: string): number {
  let count = 0
  for (const log of logsOf(server)) {
    const bytes = readFileSync(log)
    if (!bytes.includes('/files/')) continue
    const size = bytes.byteLength
    const file = openSync(log, 'r+')
    const byte = new Uint8Array(1)
    for (let block = 0; block < size; block += BLOCK_BYTES) {
      const at = Math.min(size - 1, block + 2000)
      readSync(file, byte, 0, 1, at)
      byte[0]! ^= 32
      writeSync(file, byte, 0, 1, at)
      count += 1
    }
    closeSync(file)
  }
  return count
}

/** Reads all files through one server; the names of those that came back wrong. */
async function wrongThrough(url: string): Promise<string[]> {
  const wrong: string[] = []
  for (const [path, content] of files) {
    const response = await fetch(`${url}/v1/files${path}`)
    if (!Buffer.from(await response.arrayBuffer()).equals(content)) wrong.push(path)
  }
  return wrong
}

/** A volume of the first moments may have two copies only. */
const areIdentical = (): boolean =>
  logsOf('chunk-server-1').every((log) => {
    const bytes = readFileSync(log)
    const others = ['chunk-server-2', 'chunk-server-3'].map((name) => log.replace('chunk-server-1', name))
    return others.every((other) => !existsSync(other) || readFileSync(other).equals(bytes))
  })

it('serves right bytes while every block of one server is wrong, and makes the copies identical again', async () => {
  expect(damageEveryBlock('chunk-server-2')).toBeGreaterThan(60)
  for (const url of cluster.serverUrls) expect(await wrongThrough(url)).toEqual([])
  await until(areIdentical)
  for (const url of cluster.serverUrls) expect(await wrongThrough(url)).toEqual([])
  // What a server has repaired comes with its next heartbeat.
  const repaired = async (): Promise<number> =>
    (await cluster.servers()).find(({ name }) => name === 'chunk-server-2')!.repairedRecords
  await expect.poll(repaired, { timeout: PATIENCE_MS }).toBeGreaterThan(10)
})

it('leaves nothing wrong behind', async () => {
  await cluster.stop()
  const signal = new AbortController().signal
  const report = await checkDataDirectory(cluster.dataDirectory, { onBytes: () => {}, signal })
  expect(report.findings).toEqual([])
})
