/**
 * What is logged, and how: the settings that all services share. A service's log exists before its configuration is known to
 * be valid, because it has to say what is wrong with it; so these few variables are read by themselves.
 */
import { type Clock } from '@dfs/core'
import Type from 'typebox'
import { variableName } from './config.ts'
import { chooseLogFormat, createLog, LOG_LEVELS, type LogLevel, type ServiceLog } from './logging.ts'

const LEVEL_DEFAULT: LogLevel = 'info'

export const LOG_SETTINGS = Object.freeze({
  logLevel: Type.Enum([...LOG_LEVELS], {
    default: LEVEL_DEFAULT,
    description: 'The least important lines that are logged; `debug` shows each step of a start.',
  }),
  logFormat: Type.Optional(
    Type.Enum(['json', 'pretty'], {
      description:
        '`json`: an object a line; `pretty`: for people. If it is not set, `pretty` on a terminal, else `json`.',
    }),
  ),
})

export interface ServiceLogOptions {
  readonly clock: Clock
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isTerminal: boolean
  /** The name on each line if the environment gives none. */
  readonly service: string
  /** Takes whole lines; standard output if it is left out. */
  readonly write?: (line: string) => void
}

/** What a service is called: `DFS_NAME`, or what kind it is of. */
export function nameOfService({ env, service }: Pick<ServiceLogOptions, 'env' | 'service'>): string {
  const name = env[variableName('name')]
  return name === undefined || name === '' ? service : name
}

/** A value that is not valid counts as none here: `loadConfig` reports it, through this log. */
export function openServiceLog({ clock, env, isTerminal, service, write }: ServiceLogOptions): ServiceLog {
  const asked = env[variableName('logLevel')]
  return createLog({
    clock,
    level: LOG_LEVELS.find((level) => level === asked) ?? LEVEL_DEFAULT,
    format: chooseLogFormat(env[variableName('logFormat')], isTerminal),
    service: nameOfService({ env, service }),
    ...(write !== undefined && { write }),
  })
}
