/** `dfs line` with a server of the test's own: the gateway itself is tested where it lives. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { runDfs } from './run-dfs.ts'

/** Answers each line with the same in upper case, or does what `misbehave` does. */
async function serve(
  misbehave?: (socket: Socket) => void,
): Promise<AsyncDisposable & { readonly address: string }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    if (misbehave !== undefined) misbehave(socket)
    else {
      socket.on('data', (bytes: Buffer) => socket.write(bytes.toString().toUpperCase()))
      socket.on('end', () => socket.end('last\n'))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    address,
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

const run = (address: string, input = '') =>
  runDfs(['line', address], { url: 'http://127.0.0.1:1', input: [Buffer.from(input)] })

test('Piped lines are sent, and every reply is shown, those after the end of the input too.', async () => {
  await using server = await serve()
  const { exitCode, stdout } = await run(server.address, 'hello\nworld\n')
  expect(stdout.toString()).toBe('HELLO\nWORLD\nlast\n')
  expect(exitCode).toBe(0)
})

test('The program ends when the server does, with what it had said.', async () => {
  await using server = await serve((socket) => socket.resume().end('bye\n'))
  const { exitCode, stdout } = await run(server.address, 'hello\n')
  expect(stdout.toString()).toBe('bye\n')
  expect(exitCode).toBe(0)
})

test('A connection that breaks, and a port where nobody listens, are failures of their own kind.', async () => {
  let closed = ''
  {
    await using server = await serve((socket) => socket.on('data', () => socket.resetAndDestroy()))
    const broken = await run(server.address, 'hello\n')
    expect(broken).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('UNAVAILABLE') as string })
    closed = server.address
  }
  const refused = await run(closed)
  expect(refused).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('ECONNREFUSED') as string })
})

test.each(['localhost', 'localhost:', ':6001', 'a:b:6001', 'localhost:0', 'localhost:65536'])(
  '%j is no address',
  async (operand) => {
    const { exitCode, stderr } = await run(operand)
    expect(exitCode).toBe(2)
    expect(stderr).toContain('127.0.0.1:6001')
  },
)
