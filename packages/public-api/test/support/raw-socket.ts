/** Bytes to a server and bytes back, without a client that would put them right. */
import { type FastifyInstance } from 'fastify'
import { connect, type Socket } from 'node:net'

/** Listens on a free port of the loopback; resolves to it. */
export async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  const address = app.server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP port')
  return address.port
}

export interface Conversation {
  readonly socket: Socket
  readonly text: () => string
  /** Resolves once `pattern` has arrived; rejects when the connection closes without it. */
  waitFor(pattern: RegExp): Promise<string>
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>
}

export function converse(port: number, firstBytes: string): Conversation {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>()
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const check of waiting) check()
  }
  socket.setEncoding('latin1')
  socket.on('data', (piece: string) => {
    received += piece
    wake()
  })
  // A reset is one of the ways in which a server may end a hopeless conversation.
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.end())
  socket.on('close', () => {
    onClosed()
    wake()
  })
  socket.write(firstBytes, 'latin1')
  return {
    socket,
    closed,
    text: () => received,
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (!pattern.test(received) && !socket.destroyed) return
          waiting.delete(check)
          if (pattern.test(received)) resolve(received)
          else reject(new Error(`closed without ${pattern}: ${JSON.stringify(received)}`))
        }
        waiting.add(check)
        check()
      }),
  }
}

/** The status of the first final answer, or `closed`. Ends the connection. */
export async function statusOf(
  port: number,
  bytes: string,
  isHalfClosed = false,
): Promise<number | 'closed'> {
  const conversation = converse(port, bytes)
  if (isHalfClosed) conversation.socket.end()
  const answered = conversation.waitFor(/HTTP\/1\.1 [2-5]\d\d [\s\S]*\r\n\r\n/).then(
    (text) => Number(/HTTP\/1\.1 ([2-5]\d\d)/.exec(text)?.[1]),
    () => 'closed' as const,
  )
  const status = await answered
  conversation.socket.destroy()
  await conversation.closed
  return status
}
