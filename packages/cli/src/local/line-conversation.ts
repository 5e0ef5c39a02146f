/**
 * A conversation in the line protocol: what is typed goes out line by line, what comes in is shown as it comes. On a
 * terminal lines can be edited and called back; piped input is passed on as it is.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { clearLine, createInterface, cursorTo } from 'node:readline'
import { type Readable, type Writable } from 'node:stream'
import { DfsError } from '@dfs/protocol'
import { ReaderGoneError } from '../result-stream.ts'

export interface LineConversationOptions {
  readonly host: string
  readonly port: number
  readonly stdin: Readable
  readonly stdout: Writable
  /** Ends the conversation at once. */
  readonly signal: AbortSignal
}

const HISTORY_LINES_MAX = 1000

/**
 * Resolves when both sides have ended the conversation. Rejects with UNAVAILABLE if nobody answers or the connection
 * breaks, and with the error of the system if input or output does.
 */
export async function runLineConversation(options: LineConversationOptions): Promise<void> {
  const { host, port, signal, stdin, stdout } = options
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true })
  const stop = (): void => void socket.destroy()
  const local: Error[] = []
  const stopWith = (error: Error): void => {
    local.push(error)
    stop()
  }
  signal.addEventListener('abort', stop)
  for (const stream of [stdin, stdout]) stream.once('error', stopWith)
  try {
    await once(socket, 'connect')
    const ended = once(socket, 'close')
    const isTerminal = 'isTTY' in stdin && stdin.isTTY === true
    const leave = isTerminal ? converse(socket, options) : pass(socket, options)
    socket.on('end', () => leave())
    await ended
    leave()
    if (local[0] !== undefined) throw local[0]
  } catch (error) {
    if (local[0] !== undefined) throw ownFailure(local[0])
    const reason = error instanceof Error ? error.message : String(error)
    throw new DfsError('UNAVAILABLE', `${host}:${port}: ${reason}`, { cause: error })
  } finally {
    signal.removeEventListener('abort', stop)
    for (const stream of [stdin, stdout]) stream.off('error', stopWith)
  }
}

/** What went wrong on this side; a reader that has gone is none of it. */
const ownFailure = (error: NodeJS.ErrnoException): Error =>
  error.code === 'EPIPE' ? new ReaderGoneError('nobody reads the replies', { cause: error }) : error

/** Returns how to stop asking for lines. */
function converse(socket: Socket, { stdin, stdout }: LineConversationOptions): () => void {
  const lines = createInterface({
    input: stdin,
    output: stdout,
    prompt: '> ',
    historySize: HISTORY_LINES_MAX,
  })
  socket.on('data', (bytes: Buffer) => {
    cursorTo(stdout, 0)
    clearLine(stdout, 0)
    stdout.write(bytes)
    // A reply that has not ended yet would be overwritten by the prompt.
    if (bytes.at(-1) !== 0x0a) stdout.write('\n')
    lines.prompt(true)
  })
  lines.on('line', (line) => {
    socket.write(`${line}\n`)
    lines.prompt()
  })
  lines.on('SIGINT', () => lines.close())
  lines.on('close', () => socket.end())
  lines.prompt()
  return () => lines.close()
}

function pass(socket: Socket, { stdin, stdout }: LineConversationOptions): () => void {
  stdin.pipe(socket)
  socket.pipe(stdout, { end: false })
  return () => {
    stdin.unpipe(socket)
    socket.end()
  }
}
