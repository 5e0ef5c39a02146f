/** Loaded into the measured processes: see loop-delay.ts. */
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { WATCHER_DIRECTORY } from './loop-delay-file.ts'

const RESOLUTION_MS = 10
const NS_PER_MS = 1e6

const directory = process.env[WATCHER_DIRECTORY]
if (directory !== undefined) {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  process.on('SIGUSR2', () => {
    // What is measured is the distance between two looks, which are meant to be RESOLUTION_MS apart.
    const p99Ms = Math.max(0, histogram.percentile(99) / NS_PER_MS - RESOLUTION_MS)
    const file = join(directory, `${process.pid}.json`)
    writeFileSync(`${file}.new`, JSON.stringify({ p99Ms }))
    renameSync(`${file}.new`, file)
    histogram.reset()
  })
}
