export { FakeCluster, type FakeClusterOptions } from './cluster.ts'
export { type Mishap, type SeenRequest } from './mishap.ts'
export { type FakeEntry, FakeTree, FIRST_ETAG } from './tree.ts'
export { pausingClock } from './pausing-clock.ts'
