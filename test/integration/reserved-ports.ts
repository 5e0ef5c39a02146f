/** Ports for clusters of tests: several may run on one machine, and a cluster listens only seconds after its ports were chosen. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { findFreeOffset } from '../../scripts/cluster/free-offset.ts'
import { MASTER_PORT } from '../../scripts/cluster/plan.ts'

export interface ReservedPorts {
  readonly offset: number
  /** Held as long as the cluster lives. */
  readonly reservation: Server
}

/** Just below the first port of a cluster. */
const RESERVATION_PORT = MASTER_PORT - 1

/**
 * A free offset that no other test takes, though the services listen only seconds later, and not at all while the cluster
 * is stopped.
 */
export async function reservePorts(): Promise<ReservedPorts> {
  for (let attempt = 1; ; attempt += 1) {
    const offset = await findFreeOffset()
    const reservation = createServer().listen(RESERVATION_PORT + offset, '127.0.0.1')
    try {
      await once(reservation, 'listening')
      return { offset, reservation }
    } catch (error) {
      if (attempt >= 100) throw error
    }
  }
}
