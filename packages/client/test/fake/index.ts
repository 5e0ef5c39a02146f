export { FakeCluster, type FakeClusterOptions, type Mishap, type SeenRequest } from './cluster.ts'
export { type FakeEntry, FakeTree } from './tree.ts'
export { TestClock, testRandom } from './runtime.ts'
