export { uncompressed } from './compression.ts'
export {
  type DiskFault,
  type DiskFaultHook,
  type DiskOperation,
  type DiskWitness,
  type LifeName,
} from './disk/disk-operation.ts'
export { type DiskImage, SimDisk } from './disk/sim-disk.ts'
export { type LogLine, LogRecorder } from './log.ts'
export { HEALTHY_LINK, type Link } from './network/links.ts'
export { type CallsInFlight, SimNetwork } from './network/sim-network.ts'
export { SimRandom } from './random.ts'
export { type CrashKind, simNode, SimNode, type SimNodeOptions } from './sim-node.ts'
export { type EventHandle, type RunLimits, Simulation, WALL_START_MS } from './simulation.ts'
