/** A client of the line protocol, as short as it can be: a line out, a line in. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

const PATIENCE_MS = 30_000

/** Sends the messages on one connection and resolves to their replies, in order. */
export async function lineSession(
  port: number,
  messages: readonly string[],
  host = '127.0.0.1',
): Promise<string[]> {
  const socket = connect({ host, port, timeout: PATIENCE_MS })
  socket.once('timeout', () => socket.destroy(new Error(`no reply on port ${port} in ${PATIENCE_MS} ms`)))
  await once(socket, 'connect')
  const replies: string[] = []
  const lines = createInterface(socket)[Symbol.asyncIterator]()
  for (const message of messages) {
    socket.write(`${message}\n`)
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`the connection to port ${port} ended after ${message}`)
    replies.push(value)
  }
  socket.destroy()
  return replies
}
