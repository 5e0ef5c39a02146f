/**
 * The production logger: pino behind core's `Log`. JSON lines for machines, with the names of levels and times of ISO 8601 in
 * UTC, so that a file can be searched and sorted as it is; one readable line each where a person looks on (`dfs logs` makes
 * such lines of files). The time comes from the Clock, so a log written under a virtual clock is the same in every run.
 * Lines are gathered for a moment before they are written, since one system call for each request costs more than the
 * request's own log line; `flush` is for the end of the process.
 */
import { type Clock, type Log, printableLine, withoutRepetition } from '@dfs/core'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import pretty from 'pino-pretty'
import sonicBoom from 'sonic-boom'
import { loggedError } from './logged-error.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
export type LogFormat = 'json' | 'pretty'

export interface LogOptions {
  readonly clock: Clock
  readonly level: LogLevel
  readonly format: LogFormat
  /** On every line: which service wrote it. */
  readonly service: string
  /** Takes whole lines; standard output if it is left out. */
  readonly write?: (line: string) => void
}

/** A {@link Log} that may hold lines back for up to {@link FLUSH_MS}. */
export interface ServiceLog extends Log {
  /** Warnings and errors so far, those that were not written because they repeat others included. */
  readonly counts: Readonly<Record<'warn' | 'error', number>>
  /** Writes what is held back, before it returns. */
  flush(): void
}

const FLUSH_MS = 100
const GATHER_BYTES = 4096
const WAITING_BYTES_MAX = 1024 * 1024
/** How often a flush, which stops everything else, tries a pipe whose reader stands still; each time takes 100 ms. */
const FLUSH_RETRIES_MAX = 20
const UNWRITABLE: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EPIPE', 'EIO', 'EAGAIN', 'EBUSY'])

/** The readable form only where a person is likely to look: a terminal, or if it was asked for. */
export function chooseLogFormat(asked: string | undefined, isTerminal: boolean): LogFormat {
  if (asked === 'pretty' || asked === 'json') return asked
  return isTerminal ? 'pretty' : 'json'
}

export function createLog({ clock, level, format, service, write }: LogOptions): ServiceLog {
  const standardOutput = write === undefined ? openStandardOutput() : null
  const output = standardOutput?.stream ?? toStream(write ?? (() => {}))
  const isPretty = format === 'pretty'
  const logger = pino(
    {
      level,
      base: { service },
      timestamp: () => `,"time":"${new Date(clock.wallMs()).toISOString()}"`,
      formatters: { level: (name) => ({ level: name }) },
      serializers: {
        err: loggedError,
        authorization: hide,
        headers: hideAuthorization,
      },
    },
    isPretty
      ? pretty({ destination: forPeople(output), singleLine: true, ignore: 'pid,hostname', sync: true })
      : output,
  )
  const flush = (): void => standardOutput?.flush()
  const log: Log = {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  }
  const told = withoutRepetition(log, clock)
  const counts = { warn: 0, error: 0 }
  const counting =
    (name: 'warn' | 'error'): Log['warn'] =>
    (fields, message) => {
      counts[name] += 1
      told[name](fields, message)
    }
  return { ...told, warn: counting('warn'), error: counting('error'), counts, flush }
}

interface StandardOutput {
  readonly stream: InstanceType<typeof sonicBoom.SonicBoom>
  flush(): void
}

/**
 * Lines that standard output does not take (it is a file on a full disk, or nobody reads it any more) wait up to a bound
 * and are then lost: there is nobody to tell, and a service must neither end nor stand still for lack of a log. The stream is
 * newer than the one inside of pino, whose flush tries for ever there.
 */
function openStandardOutput(): StandardOutput {
  let retriesLeft = Infinity
  const stream = new sonicBoom.SonicBoom({
    fd: 1,
    sync: false,
    minLength: GATHER_BYTES,
    periodicFlush: FLUSH_MS,
    maxLength: WAITING_BYTES_MAX,
    retryEAGAIN: () => (retriesLeft -= 1) >= 0,
  })
  const ignoreUnwritable = (error: unknown): void => {
    if (!isUnwritable(error)) throw error
  }
  stream.on('error', ignoreUnwritable)
  const flush = (): void => {
    retriesLeft = FLUSH_RETRIES_MAX
    try {
      stream.flushSync()
    } catch (error) {
      ignoreUnwritable(error)
    } finally {
      retriesLeft = Infinity
    }
  }
  return { stream, flush }
}

const isUnwritable = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && UNWRITABLE.has(String(error.code))

const toStream = (write: (line: string) => void): Writable =>
  new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      write(line)
      done()
    },
  })

/** Names in a line are those of strangers: a terminal is shown nothing that turns or hides what stands beside it. */
const forPeople = (output: { write(line: string): unknown }): Writable =>
  toStream((line) => void output.write(printableLine(line)))

const hide = (): string => '[hidden]'

/** Serialisers instead of pino's `redact`: they cost nothing on lines that have no such field. */
function hideAuthorization(headers: unknown): unknown {
  if (typeof headers !== 'object' || headers === null) return headers
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]: [string, unknown]) => [
      name,
      /^(?:proxy-)?authorization$/i.test(name) ? hide() : value,
    ]),
  )
}
