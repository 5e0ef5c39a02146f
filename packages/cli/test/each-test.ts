/** What most tests of the command begin with: a fake cluster and a scratch directory of their own, gone afterwards. */
import { FakeCluster } from '@dfs/client/testing'
import { afterEach, beforeEach, vi } from 'vitest'
import { ScratchDirectory } from './run-dfs.ts'

export interface TestWorld {
  readonly cluster: FakeCluster
  readonly scratch: ScratchDirectory
}

/** For the tests of one file. They may take their time: commands are processes of their own, and the machine may be busy. */
export function beforeEachTest(use: (world: TestWorld) => void): void {
  vi.setConfig({ testTimeout: 60_000 })
  let world: TestWorld
  beforeEach(async () => {
    world = { cluster: await FakeCluster.start(), scratch: await ScratchDirectory.make() }
    use(world)
  })
  afterEach(async () => {
    await world.cluster[Symbol.asyncDispose]()
    await world.scratch[Symbol.asyncDispose]()
  })
}
