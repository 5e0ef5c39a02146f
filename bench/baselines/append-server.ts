/**
 * Baseline of small writes: a bare Fastify that appends each body to one file and answers when it is synced. One copy, no
 * metadata, no checks. Bodies that arrive while one sync is under way share the next one.
 */
import { open } from 'node:fs/promises'
import Fastify from 'fastify'
import { listen } from './listening.ts'

interface Waiting {
  readonly body: Buffer
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const file = await open(process.argv[2]!, 'a')
let waiting: Waiting[] = []
let isSyncing = false

async function flush(): Promise<void> {
  isSyncing = true
  while (waiting.length > 0) {
    const batch = waiting
    waiting = []
    try {
      await file.writev(batch.map((each) => each.body))
      await file.datasync()
      for (const each of batch) each.resolve()
    } catch (error) {
      for (const each of batch) each.reject(error)
    }
  }
  isSyncing = false
}

function append(body: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  waiting.push({ body, resolve, reject })
  if (!isSyncing) setImmediate(() => void (isSyncing || flush()))
  return promise
}

const app = Fastify({ logger: false })
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
app.put<{ Body: Buffer }>('/*', async (request, reply) => {
  await append(request.body)
  return reply.code(201).header('durability', 'copies=1, fsynced=1').send('')
})
await listen(app)
