/**
 * Mutated messages against a running gateway over TCP: no crash, no hang, no growth, and every connection is answered to
 * its end. A few thousand here; DFS_FUZZ_MESSAGES=1000000 for the long run, DFS_FUZZ_SEED to repeat one.
 */
import { expect, it } from 'vitest'
import { MIB } from '@dfs/protocol'
import { makeTcpStage, TcpClient } from './support/tcp-client.ts'

const MESSAGES = Number(process.env['DFS_FUZZ_MESSAGES'] ?? 3000)
const SEED = Number(process.env['DFS_FUZZ_SEED'] ?? 1)
const MESSAGES_PER_CONNECTION = 50
const CONNECTIONS_AT_ONCE = 4
const RSS_GROWTH_MAX = 64 * MIB
/** For each message; the long run needs its time. */
const TIME_LIMIT_MS = 20_000 + MESSAGES * 2

const SAMPLES = [
  'FIND_PRIMARY_SERVER',
  'REGISTER_CHUNK_SERVER:1:127.0.0.1:6001',
  'CHUNK_SERVER_INFO:1,foo.txt',
  'HEARTBEAT:1:secondary',
  'CREATE_FILE:a.txt',
  'WRITE_FILE:a.txt:hello: world',
  'READ_FILE:a.txt',
  'DELETE_FILE:b.txt',
  'WRITE_FILE_B64:a.txt:aGVsbG8=',
  'READ_FILE_B64:a.txt',
  'READ_FILE_LEN:a.txt',
  'WRITE_FILE_LEN:a.txt:5\nhello',
  'WRITE_FILE_LEN:a.txt:9999999999',
  `WRITE_FILE:a.txt:${'x'.repeat(5000)}`,
  `CREATE_FILE:${'n'.repeat(256)}`,
  'GET / HTTP/1.1\r\nHost: x',
]

/** mulberry32: small, good enough, and the same everywhere. */
function makeRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

type Random = ReturnType<typeof makeRandom>

function mutate(sample: string, random: Random): Buffer {
  const bytes = [...Buffer.from(sample)]
  for (let count = random(4); count > 0; count -= 1) {
    const at = random(bytes.length + 1)
    const kind = random(5)
    if (kind === 0) bytes.splice(at, 1)
    else if (kind === 1) bytes.splice(at, 0, random(256))
    else if (kind === 2) bytes[Math.min(at, bytes.length - 1)] = random(256)
    else if (kind === 3) bytes.splice(at, 0, ...bytes.slice(at, at + random(20)))
    else bytes.splice(at, 0, ...Buffer.from([':', '\n', '\r\n', '\0', '\u00e9'][random(5)]!))
  }
  return Buffer.from([...bytes, ...Buffer.from(['', '\n', '\n', '\r\n', '\n'][random(5)]!)])
}

async function fuzzConnection(port: number, random: Random): Promise<void> {
  await using client = await TcpClient.connect(port)
  const stream = Buffer.concat(
    Array.from({ length: MESSAGES_PER_CONNECTION }, () => mutate(SAMPLES[random(SAMPLES.length)]!, random)),
  )
  for (let at = 0; at < stream.length;) {
    const size = 1 + random(random(3) === 0 ? 40 : 4000)
    client.send(stream.subarray(at, at + size))
    at += size
    if (random(4) === 0) await new Promise((resolve) => void setImmediate(resolve))
  }
  if (random(10) === 0) client.reset()
  else client.end()
  await client.receiveAll()
}

it(
  `${MESSAGES} mutated messages`,
  async () => {
    await using stage = await makeTcpStage()
    await using watcher = await TcpClient.connect(stage.ports.chunks[0]!)
    const random = makeRandom(SEED)
    const ports = [...stage.ports.chunks, stage.ports.master]
    const latenciesMs: number[] = []
    let rssBefore = 0
    const rounds = Math.ceil(MESSAGES / MESSAGES_PER_CONNECTION / CONNECTIONS_AT_ONCE)
    for (let round = 0; round < rounds; round += 1) {
      const connections = Array.from({ length: CONNECTIONS_AT_ONCE }, () =>
        fuzzConnection(ports[random(ports.length)]!, random),
      )
      const startMs = performance.now()
      expect(await watcher.ask('READ_FILE:watcher\n', 'FILE_NOT_FOUND\n'), `seed ${SEED}`).toBe(
        'FILE_NOT_FOUND\n',
      )
      latenciesMs.push(performance.now() - startMs)
      await Promise.all(connections)
      // What the first tenth needs is code and buffers, which stay.
      if (round === Math.floor(rounds / 10)) rssBefore = process.memoryUsage.rss()
    }
    const growth = process.memoryUsage.rss() - rssBefore
    const sorted = latenciesMs.toSorted((a, b) => a - b)
    const p99 = sorted[Math.floor(sorted.length * 0.99)]!
    console.info(
      `fuzz: ${rounds * CONNECTIONS_AT_ONCE * MESSAGES_PER_CONNECTION} messages, seed ${SEED}: ` +
        `resident memory +${(growth / MIB).toFixed(1)} MiB, another client's p99 ${p99.toFixed(1)} ms`,
    )
    expect(growth, `seed ${SEED}`).toBeLessThan(RSS_GROWTH_MAX)
    // A reset may still be on its way to the gateway when its client is done.
    while (stage.gateway.connectionsCount > 1) await new Promise((resolve) => void setImmediate(resolve))
    expect(stage.gateway.heldBytes).toBe(0)
  },
  TIME_LIMIT_MS,
)
