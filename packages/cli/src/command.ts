/** What a command is: a row of the table from which argument parsing, help and reference are derived. */
import { type Readable, type Writable } from 'node:stream'
import { type DfsClient } from '@dfs/client'
import { type Clock, type Random } from '@dfs/core'
import { type Output } from './output.ts'
import { type Progress } from './progress.ts'

export interface OptionSpec {
  readonly short?: string
  /** What its value is, for help; an option without one is a flag. */
  readonly value?: string
  readonly summary: string
}

export interface Context {
  readonly client: DfsClient
  readonly clock: Clock
  readonly random: Random
  readonly output: Output
  readonly progress: Progress
  readonly stdin: Readable
  /** For what is no result but a conversation; results go through {@link output}. */
  readonly stdout: Writable
  /** Where the environment says that the key of the cluster is. */
  readonly clusterKeyFile: string | undefined
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
}

export interface Arguments {
  readonly operands: readonly string[]
  /** Names of the options given. */
  readonly flags: ReadonlySet<string>
  /** The values of options that have one, in the order in which they were given. */
  readonly values: ReadonlyMap<string, readonly string[]>
}

export interface Command {
  readonly name: string
  /** Operands as help shows them, for example `FROM TO`. */
  readonly operands: string
  readonly operandsMin: number
  readonly operandsMax: number
  readonly summary: string
  /** Paragraphs for `dfs help COMMAND`. */
  readonly description: readonly string[]
  readonly options: Readonly<Record<string, OptionSpec>>
  /** Resolves to the exit code; a rejection is reported and gives its own. */
  run(context: Context, args: Arguments): Promise<number>
}

export const RECURSIVE: OptionSpec = Object.freeze({
  short: 'r',
  summary: 'Directories too, with all they hold.',
})
