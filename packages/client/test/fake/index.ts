export { FakeCluster, type FakeClusterOptions } from './cluster.ts'
export { type Mishap, type SeenRequest } from './mishap.ts'
export { type FakeEntry, FakeTree } from './tree.ts'
export { pausingClock } from './pausing-clock.ts'
