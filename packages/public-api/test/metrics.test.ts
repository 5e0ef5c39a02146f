/** `/metrics` of a node: bytes as they came, and no word of what they are called. */
import { Metrics } from '@dfs/service-kit'
import { expect, onTestFinished, test } from 'vitest'
import { buildTestApp } from './support/apps.ts'
import { listen } from './support/raw-socket.ts'

const CONTENT = 'x'.repeat(100_000)

/** Pieces without a length: nobody can know before how much it is. */
async function* pieces(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < CONTENT.length; at += 10_000) yield Buffer.from(CONTENT.slice(at, at + 10_000))
}

test('bodies count as they came and went, also those whose length nobody has said', async () => {
  const metrics = new Metrics()
  const { app } = await buildTestApp('serve', { metrics })
  onTestFinished(() => app.close())
  const url = `http://127.0.0.1:${await listen(app)}`
  const file = `${url}/v1/files/secret-name.txt`
  const sent = await fetch(file, { method: 'PUT', body: ReadableStream.from(pieces()), duplex: 'half' })
  expect(sent.status).toBe(201)
  await sent.text()
  expect(await (await fetch(file)).text()).toBe(CONTENT)
  expect((await fetch(file, { method: 'HEAD' })).status).toBe(200)
  // The end of a request is noticed after its answer.
  let text = ''
  while (!text.includes('dfs_http_requests_under_way 0')) text = (await metrics.text()).text
  expect(text).toContain('dfs_http_received_bytes_total{operation="writeFile"} 100000\n')
  expect(text).toContain('dfs_http_sent_bytes_total{operation="readFile"} 100000\n')
  expect(text).toContain('dfs_http_request_duration_seconds_count{operation="readFile",status="2xx"} 1\n')
  expect(text).toContain('dfs_worker_done_total{worker="verify-copies",unit="bytes"} 4711\n')
  expect(text).toContain(
    'dfs_worker_last_failure_timestamp_seconds{worker="verify-copies",unit="bytes"} 1767322800\n',
  )
  expect(text).not.toContain('secret')
  const reply = await fetch(`${url}/metrics`)
  expect([reply.status, reply.headers.get('cache-control')]).toEqual([200, 'no-store'])
  expect(await reply.text()).toContain('\ndfs_ready 1\n')
})

test('a node without metrics has no such route', async () => {
  const { app } = await buildTestApp('serve')
  onTestFinished(() => app.close())
  expect((await app.inject('/metrics')).statusCode).toBe(404)
})
