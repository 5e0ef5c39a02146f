/**
 * What the three services' `main.ts` have in common: a log that exists before the configuration is known to be valid, the
 * configuration as a whole, and the life of the process.
 */
import { type Clock } from '@dfs/core'
import { type Static, type TObject } from 'typebox'
import { loadConfig, unknownVariables } from './config.ts'
import { type Lifecycle, runProcess } from './lifecycle.ts'
import { nameOfService, openServiceLog } from './log-settings.ts'
import { type ServiceLog } from './logging.ts'
import { Metrics } from './metrics/metrics.ts'
import { addProcessMetrics } from './metrics/process-metrics.ts'

/** For the command line tool, which may share an environment with a service. */
const OF_THE_TOOL: ReadonlySet<string> = new Set(['DFS_URL'])

export interface ServiceDefinition<S extends TObject> {
  /** The name on log lines if `DFS_NAME` gives none. */
  readonly service: string
  readonly schema: S
  /** What no single value can show: a line for each problem. */
  readonly relations?: (config: Static<S>) => readonly string[]
  readonly clock: Clock
  readonly drainDeadlineMs: number
  readonly stopDeadlineMs: number
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isTerminal: boolean
}

export interface ServiceContext<S extends TObject> {
  readonly lifecycle: Lifecycle
  readonly config: Static<S>
  readonly log: ServiceLog
  /** Of this process, which have what every process tells; `/metrics` is for {@link addMetricsRoute}. */
  readonly metrics: Metrics
}

/** Runs `start` with a valid configuration; without one the process says what is wrong, and exits with 78. */
export function runService<S extends TObject>(
  definition: ServiceDefinition<S>,
  start: (context: ServiceContext<S>) => Promise<void>,
): void {
  const { schema, relations, env } = definition
  // In `ps` and `top`, where all of them would be called node.
  process.title = `dfs-${nameOfService(definition)}`
  const log = openServiceLog(definition)
  runProcess({ ...definition, log }, async (lifecycle) => {
    const config = loadConfig(schema, env, relations)
    for (const variable of unknownVariables(schema, env).filter((name) => !OF_THE_TOOL.has(name))) {
      log.warn({ variable }, 'this service knows no such variable; it has no effect')
    }
    const metrics = new Metrics()
    lifecycle.onStop('stores', 'metrics', addProcessMetrics(metrics, { ...definition, log }))
    await start({ lifecycle, config, log, metrics })
  })
}
