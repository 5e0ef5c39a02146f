/** The gateway as a process: how it ends with replies pending, and how it carries ten thousand connections. */
import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { RealCluster, memoryMib } from './real-cluster.ts'
import { GatewayProcess, turnOfPolling } from './line/gateway-process.ts'
import { LineClient } from './line/line-client.ts'

const WITHIN_MS = 5 * 60_000
const IDLE_HOLDER = fileURLToPath(new URL('line/idle-holder.ts', import.meta.url))
const IDLE_CONNECTIONS = 10_000
/** Idle and live connections of each process, and what Node itself has open. */
const DESCRIPTORS_NEEDED = IDLE_CONNECTIONS + 500
const RESIDENT_MIB_MAX = 400
const LIVE_ROUNDS = 30

let cluster: RealCluster

beforeAll(async () => {
  cluster = await RealCluster.start()
}, WITHIN_MS)
afterAll(() => cluster.end(), WITHIN_MS)

const descriptorsMax = Number(spawnSync('sh', ['-c', 'ulimit -n']).stdout.toString()) || Infinity
if (descriptorsMax < DESCRIPTORS_NEEDED) {
  console.info(`left out: ten thousand connections, since a process may open ${descriptorsMax} files alone`)
}

it(
  'ends on SIGTERM when pending replies are finished, and with a reset',
  async () => {
    await using gateway = await GatewayProcess.start(cluster)
    await using busy = await gateway.connect(0)
    await using idle = await gateway.connect(1)
    expect(await busy.ask('CREATE_FILE:pending')).toBe('FILE_CREATED')
    expect(await idle.ask('READ_FILE:pending')).toBe('FILE_CONTENT:File created')
    const servers = [...cluster.pids].filter(([name]) => name !== 'master').map(([, pid]) => pid)
    for (const pid of servers) process.kill(pid, 'SIGSTOP')
    try {
      busy.send('READ_FILE:pending\nWRITE_FILE:pending:written\nREAD_FILE:pending\n')
      await untilTaken(gateway)
      gateway.signal('SIGTERM')
      await untilRefused(gateway.masterPort)
    } finally {
      for (const pid of servers) process.kill(pid, 'SIGCONT')
    }
    const expected = 'FILE_CONTENT:File created\nFILE_WRITTEN\nFILE_CONTENT:written\n'
    expect(await busy.end()).toEqual({ ending: 'reset', rest: expected })
    expect(await idle.end()).toEqual({ ending: 'reset', rest: '' })
    expect(await gateway.exitCode(), gateway.log).toBe(0)
  },
  WITHIN_MS,
)

it.runIf(descriptorsMax >= DESCRIPTORS_NEEDED)(
  'carries ten thousand idle connections while live ones get every reply',
  async () => {
    await using gateway = await GatewayProcess.start(cluster)
    await using early = await gateway.connect(0)
    expect(await early.ask('CREATE_FILE:live')).toBe('FILE_CREATED')
    await using idle = holdIdle(gateway.chunkPorts)
    expect(await idle.line()).toBe(`held ${IDLE_CONNECTIONS}`)
    await using late = await gateway.connect(1)
    for (let round = 0; round < LIVE_ROUNDS; round += 1) {
      expect(await early.ask(`WRITE_FILE:live:${round}`)).toBe('FILE_WRITTEN')
      expect(await late.ask('READ_FILE:live')).toBe(`FILE_CONTENT:${round}`)
      expect(await gateway.primary()).not.toBeNull()
    }
    expect(await idle.ask()).toBe(`${IDLE_CONNECTIONS} open, 0 bytes received`)
    expect(memoryMib(gateway.pid, 'VmHWM')).toBeLessThan(RESIDENT_MIB_MAX)
    console.info(`resident with ${IDLE_CONNECTIONS} connections: ${memoryMib(gateway.pid, 'VmRSS')} MiB`)
  },
  WITHIN_MS,
)

/** Resolves when the gateway has read what was sent before: it answers later messages of others. */
async function untilTaken(gateway: GatewayProcess): Promise<void> {
  await using other = await LineClient.connect(gateway.masterPort)
  expect(await other.ask('HEARTBEAT:1')).toBe('HEARTBEAT_RECEIVED')
}

/** Resolves when nobody listens any more: the gateway is stopping. */
async function untilRefused(port: number): Promise<void> {
  for (;;) {
    const isOpen = await LineClient.connect(port).then(
      (client) => client[Symbol.asyncDispose]().then(() => true),
      () => false,
    )
    if (!isOpen) return
    await turnOfPolling()
  }
}

interface IdleConnections extends AsyncDisposable {
  line(): Promise<string>
  /** How many are open, and what they were sent. */
  ask(): Promise<string>
}

function holdIdle(ports: readonly number[]): IdleConnections {
  const child = spawn(process.execPath, [IDLE_HOLDER, ports.join(','), String(IDLE_CONNECTIONS)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const line = async (): Promise<string> => {
    const next = await lines.next()
    return next.done === true ? 'it has ended' : next.value
  }
  return {
    line,
    ask() {
      child.stdin.write('\n')
      return line()
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      while (!(await lines.next()).done);
    },
  }
}
