/** What `/metrics` says, and that it says it of few things: whatever clients send, the lines stay as many as there are routes. */
import {
  DiskError,
  type DiskSpace,
  Distribution,
  InvariantError,
  type Random,
  silentLog,
  Timings,
} from '@dfs/core'
import { DiskFigures, NodeClock } from '@dfs/node-runtime'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import {
  addHealthRoutes,
  addMetricsRoute,
  addNodeMetrics,
  addProcessMetrics,
  buildHttpServer,
  crash,
  Metrics,
  PROGRAM_VERSION,
} from '../src/index.ts'

const zeroRandom: Random = { bytes: (count) => new Uint8Array(count), int: () => 0, fork: () => zeroRandom }
const clock = new NodeClock()

/** Lines with their values, comments left out. */
async function readingsOf(metrics: Metrics): Promise<Map<string, number>> {
  const { text } = await metrics.text()
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

/** The same, when every request is over: a client has its answer before that. */
async function settledReadingsOf(metrics: Metrics): Promise<Map<string, number>> {
  for (;;) {
    const readings = await readingsOf(metrics)
    if (readings.get('dfs_http_requests_under_way') === 0) return readings
    await clock.turn()
  }
}

async function listening(metrics: Metrics) {
  const app = buildApp(metrics)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return { app, port, get: (path: string) => fetch(`http://127.0.0.1:${port}${path}`) }
}

function buildApp(metrics: Metrics) {
  const app = buildHttpServer({ clock, log: silentLog, random: zeroRandom, onFatal: crash, metrics })
  addHealthRoutes(app, () => ({ whyNot: 'it has no disk', missing: null }), metrics)
  addMetricsRoute(app, metrics)
  onTestFinished(() => app.close())
  return app
}

test('numbers are read when they are asked for, with their kind and what they mean', async () => {
  const metrics = new Metrics()
  let files = 1
  const sizes = new Distribution([1, 10])
  metrics.gauge('dfs_files', 'Files "now".', () => files)
  metrics.counter('dfs_syncs_total', 'Syncs.', () => [[{ disk: 'a"b\\' }, 2]])
  metrics.gauge('dfs_unknown', 'Nobody knows.', () => null)
  metrics.histogram('dfs_batch_items', 'Items.', () => sizes)
  files = 3
  sizes.note(1)
  sizes.note(11)
  const { contentType, text } = await metrics.text()
  expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(text.split('\n').filter(Boolean)).toEqual([
    '# HELP dfs_files Files "now".',
    '# TYPE dfs_files gauge',
    'dfs_files 3',
    '# HELP dfs_syncs_total Syncs.',
    '# TYPE dfs_syncs_total counter',
    'dfs_syncs_total{disk="a\\"b\\\\"} 2',
    '# HELP dfs_unknown Nobody knows.',
    '# TYPE dfs_unknown gauge',
    '# HELP dfs_batch_items Items.',
    '# TYPE dfs_batch_items histogram',
    'dfs_batch_items_bucket{le="1"} 1',
    'dfs_batch_items_bucket{le="10"} 1',
    'dfs_batch_items_bucket{le="+Inf"} 2',
    'dfs_batch_items_sum 12',
    'dfs_batch_items_count 2',
  ])
})

test('a name that is taken, or is none of ours, is refused', () => {
  const metrics = new Metrics()
  metrics.gauge('dfs_files', 'Files.', () => 1)
  expect(() => metrics.gauge('dfs_files', 'Again.', () => 1)).toThrow(InvariantError)
  expect(() => metrics.gauge('files', 'No prefix.', () => 1)).toThrow(InvariantError)
  expect(() => metrics.counter('dfs_syncs', 'No unit.', () => 1)).toThrow(InvariantError)
})

test('requests are counted by operation and class of status, whatever clients ask for', async () => {
  const metrics = new Metrics()
  const { get } = await listening(metrics)
  const paths = ['/healthz', '/readyz', '/nothing', '/nothing/else', '/%ff', '/secret.txt?x=1']
  for (const path of paths) await (await get(path)).text()
  const reply = await get('/metrics')
  expect(reply.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(await reply.text()).not.toMatch(/nothing|secret|%ff/)
  const readings = await settledReadingsOf(metrics)
  const countOf = (operation: string, status: string): number | undefined =>
    readings.get(`dfs_http_request_duration_seconds_count{operation="${operation}",status="${status}"}`)
  expect([countOf('getHealth', '2xx'), countOf('getReadiness', '5xx')]).toEqual([1, 1])
  expect([countOf('other', '4xx'), countOf('readMetrics', '2xx')]).toEqual([4, 1])
  expect(readings.get('dfs_http_sent_bytes_total{operation="getHealth"}')).toBe('{"status":"ok"}'.length)
  expect(readings.get('dfs_ready')).toBe(0)
})

test('a request whose client leaves has a class of its own, and is under way no more', async () => {
  const metrics = new Metrics()
  const app = buildApp(metrics)
  const begun = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  app.get('/slow', { schema: { operationId: 'beSlow' } }, async (_request, reply) => {
    reply.raw.once('close', () => setImmediate(ended.resolve))
    begun.resolve()
    await ended.promise
    return 'too late'
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write('GET /slow HTTP/1.1\r\nhost: a\r\n\r\n')
  await begun.promise
  const before = await readingsOf(metrics)
  expect(before.get('dfs_http_requests_under_way')).toBe(1)
  expect(before.get('dfs_http_connections')).toBe(1)
  socket.destroy()
  await ended.promise
  const readings = await settledReadingsOf(metrics)
  expect(readings.get('dfs_http_request_duration_seconds_count{operation="beSlow",status="aborted"}')).toBe(1)
})

test('a process tells which program it is, and what it uses', async () => {
  const metrics = new Metrics()
  onTestFinished(addProcessMetrics(metrics, { service: 'master', log: { counts: { warn: 2, error: 1 } } }))
  // The first look at the event loop.
  await clock.sleep(50)
  const readings = await readingsOf(metrics)
  const node = process.version
  expect(readings.get(`dfs_build_info{service="master",version="${PROGRAM_VERSION}",node="${node}"}`)).toBe(1)
  expect(readings.get('dfs_log_messages_total{level="warn"}')).toBe(2)
  expect(readings.get('dfs_process_cpu_seconds_total{mode="user"}')).toBeGreaterThan(0)
  expect(readings.get('dfs_process_resident_memory_bytes')).toBeGreaterThan(1e7)
  expect(readings.get('dfs_process_start_time_seconds')).toBeCloseTo(performance.timeOrigin / 1000, 0)
  expect(readings.get('dfs_event_loop_delay_seconds_count')).toBeGreaterThan(0)
})

test('a disk that tells nothing leaves out what it does not tell, and nothing else', async () => {
  const metrics = new Metrics()
  const figures = new DiskFigures()
  figures.failedSyncs = 1
  let told: DiskSpace | null = { freeBytes: 1, totalBytes: 2 }
  const space = async (): Promise<DiskSpace> => {
    if (told === null) throw new DiskError('io', 'statfs')
    return told
  }
  const transport = { answered: new Timings() }
  transport.answered.note('POST /v1/commits', 'ok', 0.1)
  addNodeMetrics(metrics, { disk: { figures, space }, transport })
  const names = ['dfs_disk_free_bytes', 'dfs_disk_size_bytes', 'dfs_disk_sync_failures_total']
  const valuesOf = async () => {
    const readings = await readingsOf(metrics)
    return names.map((name) => readings.get(name))
  }
  expect(await valuesOf()).toEqual([1, 2, 1])
  told = null
  expect(await valuesOf()).toEqual([undefined, undefined, 1])
  expect(
    (await readingsOf(metrics)).get('dfs_call_duration_seconds_count{route="POST /v1/commits",outcome="ok"}'),
  ).toBe(1)
})
