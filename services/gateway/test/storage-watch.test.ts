/** What `/readyz` knows of the cluster, and how often it asks. */
import { describe, expect, it } from 'vitest'
import { silentLog } from '@dfs/core'
import { StorageWatch } from '../src/storage-watch.ts'
import { ManualClock } from '@dfs/core/testing'

const EVERY_MS = 2000
const EVERY_MS_AT_START = 200
const WITHIN_MS = 3000

class Cluster {
  answer: () => Promise<unknown> = () => Promise.resolve()
  questions = 0
  underWay = 0
  mostUnderWay = 0

  readonly ask = async (): Promise<void> => {
    this.questions += 1
    this.underWay += 1
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay)
    await this.answer().finally(() => (this.underWay -= 1))
  }
}

function watchOf(cluster: Cluster): { clock: ManualClock; watch: StorageWatch } {
  const clock = new ManualClock()
  const watch = new StorageWatch({
    askReady: async () => (await cluster.ask(), null),
    ask: cluster.ask,
    everyMsAtStart: EVERY_MS_AT_START,
    everyMs: EVERY_MS,
    withinMs: WITHIN_MS,
    clock,
    log: silentLog,
  })
  return { clock, watch }
}

const refusing = (): Promise<never> => Promise.reject(new Error('connect ECONNREFUSED'))
const silence = (): Promise<never> => new Promise(() => {})

describe('the watch', () => {
  it('waits at a start until the cluster says that it is ready, and asks often', async () => {
    const cluster = new Cluster()
    cluster.answer = () => Promise.reject(new Error('writes get 2 of 3 copies'))
    const { clock, watch } = watchOf(cluster)
    watch.start()
    await clock.advance(10 * EVERY_MS_AT_START)
    expect(watch.readiness().whyNot).toBe('the cluster is not ready: writes get 2 of 3 copies')
    expect(cluster.questions).toBe(11)
    cluster.answer = () => Promise.resolve()
    await clock.advance(EVERY_MS_AT_START)
    expect(watch.readiness().whyNot).toBeNull()
    watch.stop()
  })

  it('calls the gateway ready once the cluster has answered, and not before', async () => {
    const { clock, watch } = watchOf(new Cluster())
    expect(watch.readiness().whyNot).toBe('the master was not asked yet')
    watch.start()
    await clock.settle()
    expect(watch.readiness().whyNot).toBeNull()
    watch.stop()
  })

  it('says why the cluster cannot be asked, until it can', async () => {
    const cluster = new Cluster()
    const { clock, watch } = watchOf(cluster)
    watch.start()
    await clock.settle()
    cluster.answer = refusing
    await clock.advance(EVERY_MS)
    expect(watch.readiness().whyNot).toBe('the master cannot be reached: connect ECONNREFUSED')
    cluster.answer = () => Promise.resolve()
    await clock.advance(EVERY_MS)
    expect(watch.readiness().whyNot).toBeNull()
    watch.stop()
  })

  it('takes silence for no', async () => {
    const cluster = new Cluster()
    cluster.answer = silence
    const { clock, watch } = watchOf(cluster)
    watch.start()
    await clock.advance(WITHIN_MS)
    expect(watch.readiness().whyNot).toBe(`the cluster is not ready: no result within ${WITHIN_MS} ms`)
    watch.stop()
  })

  it('asks once in a while, one question at a time, whether it is answered or not', async () => {
    const cluster = new Cluster()
    const { clock, watch } = watchOf(cluster)
    watch.start()
    await clock.advance(10 * EVERY_MS)
    expect(cluster.questions).toBe(11)
    cluster.answer = refusing
    await clock.advance(10 * EVERY_MS)
    expect(cluster.questions).toBe(21)
    expect(cluster.mostUnderWay).toBe(1)
    watch.stop()
  })

  it('asks nothing after it was stopped', async () => {
    const cluster = new Cluster()
    const { clock, watch } = watchOf(cluster)
    watch.start()
    await clock.settle()
    watch.stop()
    await clock.advance(10 * EVERY_MS)
    expect(cluster.questions).toBe(1)
  })
})
