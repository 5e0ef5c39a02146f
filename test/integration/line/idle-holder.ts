/**
 * Holds idle connections for a test, in a process of its own, because each side of a connection takes a descriptor and the
 * limit is for each process: `idle-holder.ts PORTS COUNT`. Prints `held COUNT` when all are open, then for each line that
 * it is sent `COUNT open, BYTES received`.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

/** Connections that are being opened at the same time; the system's queue of new ones is longer. */
const OPENING_MAX = 100

const ports = process.argv[2]!.split(',').map(Number)
const count = Number(process.argv[3])
let [open, receivedBytes] = [0, 0]

async function openOne(index: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port: ports[index % ports.length]! })
  await once(socket, 'connect')
  open += 1
  socket.on('data', (bytes) => (receivedBytes += bytes.length))
  socket.on('error', (error) => process.stderr.write(`${error.message}\n`))
  socket.on('close', () => (open -= 1))
}

for (let index = 0; index < count; index += OPENING_MAX) {
  const batch = Math.min(OPENING_MAX, count - index)
  await Promise.all(Array.from({ length: batch }, (_, each) => openOne(index + each)))
}
process.stdout.write(`held ${open}\n`)
createInterface(process.stdin)
  .on('line', () => process.stdout.write(`${open} open, ${receivedBytes} bytes received\n`))
  .on('close', () => process.exit())
