/**
 * Reads again, on the master's order, records that somebody got wrong bytes of (R8). What is found wrong is mended in its turn
 * (verifier.ts); the answer must not wait for that.
 */
import { type BackgroundWorker, DiskError, type Log } from '@dfs/core'
import { type CheckOrder, formatId } from '@dfs/protocol'
import { type VolumeStore } from '../volume/volume-store.ts'

const IDLE_MS = 1000

export interface CheckRecordsDeps {
  readonly log: Log
  readonly store: VolumeStore
}

export const checkRecords = ({ log, store }: CheckRecordsDeps): BackgroundWorker => ({
  name: 'check-records',
  priority: 0,
  unit: 'bytes',
  progress: () => null,
  async step() {
    const order = store.takeCheck()
    if (order === null) return { idleMs: IDLE_MS, why: 'nobody has reported wrong bytes' }
    try {
      await check(order, { log, store })
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      log.error(
        { volume: formatId(order.volume), err: error },
        'what a check has found cannot be written down',
      )
      return { idleMs: IDLE_MS, why: 'the disk has failed; the master asks again', failure: error }
    } finally {
      store.noteChange(order.volume)
    }
    return { did: order.recordSize }
  },
})

async function check(order: CheckOrder, { log, store }: CheckRecordsDeps): Promise<void> {
  const { volume, replica, offset, recordSize } = order
  const copy = store.get(volume)
  if (copy?.state.replica === replica && copy.state.state === 'sealed') {
    const isRight = await copy.check({ at: offset, end: offset + recordSize })
    const fields = { volume: formatId(volume), offset, recordSize }
    if (isRight) log.info(fields, 'a record that was reported as damaged is right here')
    else log.warn(fields, 'a record is damaged')
  }
  store.noteChecked(order)
}
