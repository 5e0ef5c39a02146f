/** What the gateway counts: by verb and reply, never by what a file is called. */
import { Metrics } from '@dfs/service-kit'
import { expect, test } from 'vitest'
import { addGatewayMetrics } from '../src/metrics.ts'
import { makeTcpStage, TcpClient } from './support/tcp-client.ts'

const REQUESTS = [
  ['CREATE_FILE:secret.txt\n', 'FILE_CREATED\n'],
  ['READ_FILE:secret.txt\n', /^FILE_CONTENT:/],
  ['READ_FILE:none.txt\n', /^[A-Z_]+\n$/],
  ['FROBNICATE:secret.txt\n', /^[A-Z_]+\n$/],
] as const

async function lineFrom(client: TcpClient): Promise<string> {
  let line = ''
  while (!line.endsWith('\n')) {
    const [byte] = await client.receive(1)
    if (byte === undefined) throw new Error(`the connection ended after "${line}"`)
    line += String.fromCharCode(byte)
  }
  return line
}

test('messages are counted by verb and reply, with their bytes', async () => {
  await using stage = await makeTcpStage()
  const metrics = new Metrics()
  addGatewayMetrics(metrics, stage.gateway)
  await using client = await TcpClient.connect(stage.ports.chunks[0]!)
  let [sent, received] = [0, 0]
  for (const [request, reply] of REQUESTS) {
    client.send(Buffer.from(request))
    const line = await lineFrom(client)
    expect(line).toMatch(reply)
    sent += request.length
    received += line.length
  }
  const { text } = await metrics.text()
  const countOf = (verb: string, reply: string): string =>
    `dfs_line_request_duration_seconds_count{verb="${verb}",reply="${reply}"} 1\n`
  expect(text).toContain(countOf('CREATE_FILE', 'ok'))
  expect(text).toContain(countOf('READ_FILE', 'ok'))
  expect(text).toContain(countOf('READ_FILE', 'FILE_NOT_FOUND'))
  expect(text).toContain('dfs_line_refused_messages_total 1\n')
  expect(text).toContain(`dfs_line_received_bytes_total ${sent}\n`)
  expect(text).toContain(`dfs_line_sent_bytes_total ${received}\n`)
  expect(text).toContain('dfs_line_connections 1\n')
  expect(text).not.toMatch(/secret|none\.txt|FROBNICATE/)
})
