/** Baselines listen on any free port, tell it their parent, and end with it. */
import { type Server } from 'node:http'
import { type AddressInfo } from 'node:net'
import { type FastifyInstance } from 'fastify'

export async function listen(app: FastifyInstance): Promise<void> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  announce(app.server)
}

export function listenPlain(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', () => {
    announce(server)
    resolve()
  })
  return promise
}

function announce(server: Server): void {
  const { port } = server.address() as AddressInfo
  process.send?.({ port })
  process.once('disconnect', () => process.exit(0))
}
