/**
 * Tells about a taken port before any process is started, with the name of who would have used it: five services that
 * complain in five logs would be the alternative.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { LaunchError, systemCodeOf } from './launch-error.ts'
import { PORT_OFFSET_MAX, PORT_OFFSET_STEP } from './options.ts'
import { type ClusterPlan } from './plan.ts'

/** Throws {@link LaunchError} for the first port of the plan that cannot be listened on. Nothing stays open. */
export async function checkPortsFree(plan: ClusterPlan): Promise<void> {
  for (const service of plan.services) {
    for (const port of service.ports) {
      const code = await tryListen(plan.listenHost, port)
      if (code !== null) throw new LaunchError(complaint(service.name, port, code, otherOffset(plan)))
    }
  }
}

/** Null when it worked, else the system's error code. */
async function tryListen(host: string, port: number): Promise<string | null> {
  const server = createServer()
  try {
    server.listen({ host, port, exclusive: true })
    await once(server, 'listening')
  } catch (error) {
    return systemCodeOf(error)
  }
  server.close()
  await once(server, 'close')
  return null
}

function complaint(name: string, port: number, code: string, offset: number): string {
  const move = `npm start -- --port-offset ${offset}`
  if (code === 'EADDRINUSE') {
    return `port ${port} (${name}) is taken by another program: end it, or move all ports with ${move}`
  }
  return `port ${port} (${name}) cannot be listened on (${code}): check DFS_LISTEN_HOST, or try ${move}`
}

const otherOffset = (plan: ClusterPlan): number =>
  plan.portOffset + PORT_OFFSET_STEP > PORT_OFFSET_MAX ? 0 : plan.portOffset + PORT_OFFSET_STEP
