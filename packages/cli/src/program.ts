/** From a command line to an exit code. Everything of the process that it needs is handed in. */
import { parseArgs, type ParseArgsConfig } from 'node:util'
import { type Readable, type Writable } from 'node:stream'
import { createClient } from '@dfs/client'
import { type Clock, type Random } from '@dfs/core'
import { type Arguments, type Command, type Context, type OptionSpec } from './command.ts'
import { COMMANDS } from './command-table.ts'
import { EXIT, exitCodeOf, UsageError } from './exit-codes.ts'
import { DEFAULT_URL, GLOBAL_OPTIONS, helpOf, overview } from './help.ts'
import { Output } from './output.ts'
import { Progress } from './progress.ts'
import { type OutputWritable, ReaderGoneError } from './result-stream.ts'

export interface ProgramOptions {
  /** Without the names of the interpreter and the program. */
  readonly argv: readonly string[]
  readonly defaultUrl: string | undefined
  readonly clusterKeyFile: string | undefined
  readonly version: string
  readonly clock: Clock
  readonly random: Random
  readonly stdin: Readable
  readonly stdout: OutputWritable
  readonly stderr: Writable
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
}

/** Never rejects for anything expected: failures are reported and give the exit code. */
export async function runProgram(options: ProgramOptions): Promise<number> {
  const isJson = options.argv.includes('--json')
  const isQuiet = options.argv.includes('--quiet') || options.argv.includes('-q')
  const output = new Output({ ...options, isJson, isQuiet })
  const name = options.argv[commandIndex(options.argv)]
  const told = (error: unknown): number => {
    output.beforeMessage()
    if (options.signal.aborted) return EXIT.interrupted
    if (error instanceof ReaderGoneError) return EXIT.ok
    output.failure(name ?? 'dfs', error)
    return exitCodeOf(error)
  }
  try {
    const exitCode = await dispatch(options, output)
    output.finish()
    return exitCode
  } catch (error) {
    return told(error)
  }
}

async function dispatch(options: ProgramOptions, output: Output): Promise<number> {
  const { command, values, operands } = parse(options.argv)
  if (values['version'] === true) return await print(output, options.version)
  if (command === null) {
    if (values['help'] !== true && operands[0] !== 'help') throw new UsageError('a command is missing')
    return await print(output, overview())
  }
  if (values['help'] === true) return await print(output, helpOf(command))
  checkOperands(command, operands)
  const given = Object.entries(values).filter(([key]) => Object.hasOwn(command.options, key))
  const valued = given.flatMap(([key, value]) => (Array.isArray(value) ? [[key, value] as const] : []))
  const url = typeof values['url'] === 'string' ? values['url'] : (options.defaultUrl ?? DEFAULT_URL)
  const args = { operands, flags: new Set(given.map(([key]) => key)), values: new Map(valued) }
  return await execute(command, args, { options, output, url })
}

async function execute(
  command: Command,
  args: Arguments,
  {
    options,
    output,
    url,
  }: { readonly options: ProgramOptions; readonly output: Output; readonly url: string },
): Promise<number> {
  const { clock, random, stdin, stdout, stderr, clusterKeyFile, signal } = options
  const progress = new Progress({ clock, stderr, isSilent: output.isQuiet || output.isJson })
  output.beforeMessage = () => progress.clear()
  await using client = createClient({ url, clock, random })
  const context: Context = { client, clock, random, output, progress, stdin, stdout, clusterKeyFile, signal }
  const exitCode = await command.run(context, args)
  progress.clear()
  return signal.aborted ? EXIT.interrupted : exitCode
}

/** The first argument that is neither an option nor the value of one; -1 if there is none. */
const commandIndex = (argv: readonly string[]): number =>
  argv.findIndex((argument, index) => !argument.startsWith('-') && argv[index - 1] !== '--url')

interface Parsed {
  /** Null if no command was named, or help. */
  readonly command: Command | null
  readonly values: Readonly<Record<string, unknown>>
  readonly operands: readonly string[]
}

function parse(argv: readonly string[]): Parsed {
  const first = commandIndex(argv)
  const name = argv[first]
  if (name === 'help') {
    const topic = argv[first + 1]
    const command = COMMANDS.find((each) => each.name === topic) ?? null
    if (topic !== undefined && command === null) throw new UsageError(`no such command: ${topic}`)
    return { command, values: { help: true }, operands: [] }
  }
  const command = COMMANDS.find((each) => each.name === name) ?? null
  const rest = command === null ? [...argv] : argv.toSpliced(first, 1)
  const { values, positionals } = parseStrictly(rest, command)
  if (command === null && positionals[0] !== undefined)
    throw new UsageError(`no such command: ${positionals[0]}`)
  return { command, values, operands: positionals }
}

function parseStrictly(
  args: string[],
  command: Command | null,
): { values: Record<string, unknown>; positionals: string[] } {
  const options: NonNullable<ParseArgsConfig['options']> = {}
  for (const [name, { short, value }] of Object.entries({ ...GLOBAL_OPTIONS, ...spec(command) })) {
    options[name] = {
      type: value === undefined ? 'boolean' : 'string',
      multiple: value !== undefined && !Object.hasOwn(GLOBAL_OPTIONS, name),
      ...(short === undefined ? {} : { short }),
    }
  }
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    return { values: { ...values }, positionals }
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

const spec = (command: Command | null): Readonly<Record<string, OptionSpec>> => command?.options ?? {}

function checkOperands(command: Command, operands: readonly string[]): void {
  const isRight = operands.length >= command.operandsMin && operands.length <= command.operandsMax
  if (!isRight) throw new UsageError(`usage: dfs ${command.name} ${command.operands}`)
}

async function print(output: Output, text: string): Promise<number> {
  await output.write(Buffer.from(`${text}\n`))
  return EXIT.ok
}
