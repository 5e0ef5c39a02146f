/** The world as a node sees it: handed to each service's start function, real in production, simulated in tests. */
import { type Clock } from './clock.ts'
import { type Disk } from './disk.ts'
import { type Log } from './log.ts'
import { type Random } from './random.ts'
import { type Transport } from './transport.ts'

export interface Runtime {
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly transport: Transport
  readonly log: Log
}
