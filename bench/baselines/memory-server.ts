/** Baseline of small reads: a bare Fastify that answers every GET with the same 1 KiB of its memory. */
import { randomBytes } from 'node:crypto'
import Fastify from 'fastify'
import { listen } from './listening.ts'

const body = randomBytes(Number(process.argv[2]))
const app = Fastify({ logger: false })
app.get('/*', (_request, reply) => reply.type('application/octet-stream').send(body))
await listen(app)
