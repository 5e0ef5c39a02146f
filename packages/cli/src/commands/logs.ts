/** `dfs logs`: what the services of a data directory have logged, as one log that a person can read. */
import { type Command, type Context } from '../command.ts'
import { EXIT, UsageError } from '../exit-codes.ts'
import { LogDirectory } from '../local/log-directory.ts'
import { entryLines, entryObject, isWanted, type Level, LEVELS, type LogEntry } from '../logs/log-entry.ts'

const DIRECTORY_DEFAULT = './data'
const LOOK_EVERY_MS = 300
const LINES_MAX = 1_000_000

export const logs: Command = {
  name: 'logs',
  operands: '[DIR]',
  operandsMin: 0,
  operandsMax: 1,
  summary: 'Show the logs of all services of a data directory, in the order of time.',
  description: [
    `DIR is the data directory of a cluster that "npm start" runs, or ran, on this machine; ${DIRECTORY_DEFAULT} if it is left out. Each service logs to DIR/logs; containers log to their standard output instead: "docker compose logs" shows that.`,
    'A request has an id, which every answer carries as Dfs-Request-Id, and which a client may choose. With --request its way is seen through all services, its calls between nodes if they log at debug level.',
    'Times are UTC. What a service has written without its logger, such as the last words of a process that died, follows the line before it. With --json every line is an object.',
  ],
  options: {
    level: {
      value: 'LEVEL',
      summary: 'Only lines of this level or a more important one: debug, info, warn, error.',
    },
    service: {
      value: 'NAME',
      summary: 'Only this service, or all of a kind (chunk-server); may be given again.',
    },
    request: { value: 'ID', summary: 'Only lines about the request with this id.' },
    lines: { short: 'n', value: 'N', summary: 'Only the last N lines of what is there.' },
    follow: { short: 'f', summary: 'Go on with what is logged from now on, until Ctrl-C.' },
  },
  async run(context, { operands, flags, values }) {
    const last = (name: string): string | null => values.get(name)?.at(-1) ?? null
    const filter = { level: levelOf(last('level')), requestId: last('request') }
    const linesMax = countOf(last('lines'))
    const wanted = values.get('service') ?? []
    const directory = new LogDirectory(operands[0] ?? DIRECTORY_DEFAULT, (service) =>
      isAmong(service, wanted),
    )
    checkServices(wanted, directory)
    await showPast(context, directory, { linesMax, isWanted: (entry) => isWanted(entry, filter) })
    while (flags.has('follow')) {
      await context.clock.sleep(LOOK_EVERY_MS, context.signal)
      for await (const entry of directory.entries())
        if (isWanted(entry, filter)) await show(context, directory, entry)
    }
    return EXIT.ok
  },
}

interface Past {
  /** Null for all. */
  readonly linesMax: number | null
  readonly isWanted: (entry: LogEntry) => boolean
}

async function showPast(context: Context, directory: LogDirectory, past: Past): Promise<void> {
  const { linesMax } = past
  let kept: LogEntry[] = []
  for await (const entry of directory.entries()) {
    context.signal.throwIfAborted()
    if (!past.isWanted(entry)) continue
    if (linesMax === null) {
      await show(context, directory, entry)
      continue
    }
    kept.push(entry)
    if (kept.length >= 2 * linesMax + 1000) kept = kept.slice(-linesMax)
  }
  if (linesMax === null || linesMax === 0) return
  for (const entry of kept.slice(-linesMax)) await show(context, directory, entry)
}

async function show({ output }: Context, { nameLength }: LogDirectory, entry: LogEntry): Promise<void> {
  await output.result(entryObject(entry), () => entryLines(entry, nameLength).map(output.shown).join('\n'))
}

function levelOf(text: string | null): Level {
  if (text === null) return LEVELS[0]
  const level = LEVELS.find((each) => each === text.toLowerCase())
  if (level === undefined) throw new UsageError(`--level is one of ${LEVELS.join(', ')}`)
  return level
}

function countOf(text: string | null): number | null {
  if (text === null) return null
  const count = /^\d{1,7}$/.test(text) ? Number(text) : Infinity
  if (count > LINES_MAX) throw new UsageError(`--lines takes a number up to ${LINES_MAX}`)
  return count
}

const isAmong = (service: string, wanted: readonly string[]): boolean =>
  wanted.length === 0 ||
  wanted.some((name) => service === name || (service.startsWith(`${name}-`) && /-\d+$/.test(service)))

/** A name that is none would show nothing, and leave one wondering why. */
function checkServices(wanted: readonly string[], { services }: LogDirectory): void {
  const unknown = wanted.find((name) => !services.some((service) => isAmong(service, [name])))
  if (unknown !== undefined) throw new UsageError(`there is no log of a service "${unknown}"`)
}
