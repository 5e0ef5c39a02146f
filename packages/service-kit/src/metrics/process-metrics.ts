/**
 * What every process tells about itself: which program it is, processor time, memory, how late its event loop is. Names are
 * those of Prometheus's clients behind the prefix that all have here.
 */
import { Distribution } from '@dfs/core'
import { readdirSync } from 'node:fs'
import packageJson from '../../package.json' with { type: 'json' }
import { type ServiceLog } from '../logging.ts'
import { type Metrics } from './metrics.ts'

/** Looks at the event loop: rare enough to cost nothing, often enough to meet what blocks it for longer. */
const LOOP_LOOK_MS = 20
const LOOP_BOUNDS_S: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
const US_PER_S = 1e6
const MS_PER_S = 1000

/** Version of the program: the packages of a program have one. */
export const PROGRAM_VERSION: string = packageJson.version

export interface ProcessMetricsOptions {
  /** Which program: `master`, `chunk-server`, `gateway`. */
  readonly service: string
  readonly log: Pick<ServiceLog, 'counts'>
}

/** Returns what stops the looks at the event loop. */
export function addProcessMetrics(metrics: Metrics, { service, log }: ProcessMetricsOptions): () => void {
  metrics.gauge('dfs_build_info', 'Which program this is; always 1.', () => [
    [{ service, version: PROGRAM_VERSION, node: process.version }, 1],
  ])
  metrics.gauge('dfs_process_start_time_seconds', 'When the process started, since 1970.', () =>
    roundTo(performance.timeOrigin / MS_PER_S, 1e3),
  )
  metrics.counter('dfs_process_cpu_seconds_total', 'Processor time of the process.', () => {
    const { user, system } = process.cpuUsage()
    return [
      [{ mode: 'user' }, user / US_PER_S],
      [{ mode: 'system' }, system / US_PER_S],
    ]
  })
  metrics.gauge('dfs_process_resident_memory_bytes', 'Memory that the system counts as the process’s.', () =>
    process.memoryUsage.rss(),
  )
  metrics.gauge(
    'dfs_process_memory_bytes',
    'Memory by use: objects, and buffers outside of the heap.',
    () => {
      const { heapUsed, external } = process.memoryUsage()
      return [
        [{ use: 'heap' }, heapUsed],
        [{ use: 'external' }, external],
      ]
    },
  )
  metrics.gauge('dfs_process_open_fds', 'Open file descriptors; not on every system.', openFiles)
  metrics.counter(
    'dfs_log_messages_total',
    'Warnings and errors, repetitions that are not logged included.',
    () => Object.entries(log.counts).map(([level, count]) => [{ level }, count]),
  )
  return addEventLoopMetrics(metrics)
}

function addEventLoopMetrics(metrics: Metrics): () => void {
  const delays = new Distribution(LOOP_BOUNDS_S)
  let lookedMs = performance.now()
  const looking = setInterval(() => {
    const nowMs = performance.now()
    delays.note(Math.max(0, nowMs - lookedMs - LOOP_LOOK_MS) / MS_PER_S)
    lookedMs = nowMs
  }, LOOP_LOOK_MS)
  looking.unref()
  metrics.histogram(
    'dfs_event_loop_delay_seconds',
    'How late the event loop came to a timer, looked at fifty times a second.',
    () => delays,
  )
  metrics.counter('dfs_event_loop_active_seconds_total', 'Time in which the event loop was not idle.', () =>
    roundTo(performance.eventLoopUtilization().active / MS_PER_S, 1e6),
  )
  return () => clearInterval(looking)
}

function openFiles(): number | null {
  if (process.platform !== 'linux') return null
  return readdirSync('/proc/self/fd').length
}

const roundTo = (value: number, parts: number): number => Math.round(value * parts) / parts
