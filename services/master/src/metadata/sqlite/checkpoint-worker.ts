/**
 * The thread that copies pages from the write-ahead log into the database. An error here ends the store (R26), except that the
 * disk is full: what is in the log is safe there, and is copied when there is room.
 */
import { DatabaseSync } from 'node:sqlite'
import { isDiskFull } from './disk-full.ts'
import { parentPort, workerData } from 'node:worker_threads'

const database = new DatabaseSync(String(workerData), { timeout: 0 })
database.exec('PRAGMA synchronous = FULL; PRAGMA checkpoint_fullfsync = ON; PRAGMA wal_autocheckpoint = 0')
const pass = database.prepare('PRAGMA wal_checkpoint(PASSIVE)')

parentPort!.on('message', (message: 'pass' | 'close') => {
  if (message === 'pass') {
    try {
      pass.get()
      parentPort!.postMessage('passed')
    } catch (error) {
      if (!isDiskFull(error)) throw error
      parentPort!.postMessage('full')
    }
    return
  }
  database.close()
  parentPort!.close()
})
