/** Ties an application to the life of the process: it listens, stops taking connections, and drains. */
import { type FastifyInstance } from 'fastify'
import { type Lifecycle } from './lifecycle.ts'

export interface Listening {
  readonly name: string
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
}

/** Listens as a step of the start and resolves to the port; stopping waits for requests under way, up to the deadline. */
export async function listen(
  lifecycle: Lifecycle,
  app: FastifyInstance,
  { name, host, port }: Listening,
): Promise<number> {
  await lifecycle.step(`listen on ${host}:${port} (${name})`, () => app.listen({ host, port }))
  let closing: Promise<unknown> | null = null
  lifecycle.onStop('listeners', name, () => {
    closing = app.close()
  })
  lifecycle.onStop('drain', name, async () => {
    await closing
  })
  const address = app.server.address()
  return address === null || typeof address === 'string' ? port : address.port
}
