/** What the domain code needs of a logger. Production hands in pino, the simulator a recorder. */
/** An error is logged as `err`, whatever its kind, so that whoever searches a log needs one name. */
export type LogFields = Readonly<Record<string, unknown>> & { readonly error?: never }

export interface Log {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}

/** Says nothing; for tests that do not look at logs. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
