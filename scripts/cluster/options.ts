/**
 * The launcher's command line. Pure: text in, options or a one-line complaint out, so that every wrong argument can be
 * tested without starting anything.
 */
import { parseArgs } from 'node:util'

export const CHUNK_SERVERS_DEFAULT = 3
export const CHUNK_SERVERS_MAX = 9
export const PORT_OFFSET_STEP = 1000
/** The highest port of the plan at offset 0 is 7180; with this offset it is still below 65,536. */
export const PORT_OFFSET_MAX = 58_000

export interface LauncherOptions {
  /** As given; relative to the working directory. */
  readonly data: string
  /** Null if it was not asked for: then the data directory decides, or {@link CHUNK_SERVERS_DEFAULT}. */
  readonly chunkServers: number | null
  readonly portOffset: number
}

export type ParsedArguments =
  | { readonly kind: 'run'; readonly options: LauncherOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly message: string }

export const USAGE = `Runs a cluster on this machine: one master, chunk servers, and the gateway, each its own process.

  npm start -- [--data DIR] [--chunk-servers N] [--port-offset K]

  --data DIR          where everything is kept (./data); made when it does not exist
  --chunk-servers N   1 to ${CHUNK_SERVERS_MAX} (${CHUNK_SERVERS_DEFAULT}, or as many as DIR has); files get min(3, N) copies
  --port-offset K     moves all ports together, by a multiple of ${PORT_OFFSET_STEP} (0)
  --help              prints this

Ctrl-C stops it; the data stays. Settings of the single services: docs/configuration.md.`

/** Understands what follows `npm start --`. */
export function parseArguments(argv: readonly string[]): ParsedArguments {
  let values: Record<string, string | boolean | undefined>
  try {
    values = parseArgs({
      args: [...argv],
      options: {
        data: { type: 'string' },
        'chunk-servers': { type: 'string' },
        'port-offset': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    return wrong(firstSentence(error))
  }
  if (values['help'] === true) return { kind: 'help' }
  return checked(values)
}

function checked(values: Record<string, string | boolean | undefined>): ParsedArguments {
  const data = String(values['data'] ?? './data')
  if (data === '') return wrong('--data needs the name of a directory')

  const chunkServers = wholeNumber(values['chunk-servers'])
  if (chunkServers !== null && !(chunkServers >= 1 && chunkServers <= CHUNK_SERVERS_MAX)) {
    return wrong(`--chunk-servers must be a number from 1 to ${CHUNK_SERVERS_MAX}`)
  }
  const portOffset = wholeNumber(values['port-offset']) ?? 0
  if (!(portOffset >= 0 && portOffset <= PORT_OFFSET_MAX && portOffset % PORT_OFFSET_STEP === 0)) {
    return wrong(`--port-offset must be a multiple of ${PORT_OFFSET_STEP} from 0 to ${PORT_OFFSET_MAX}`)
  }
  return { kind: 'run', options: { data, chunkServers, portOffset } }
}

/** Null if nothing was given, NaN if it is not a plain number. */
function wholeNumber(text: string | boolean | undefined): number | null {
  if (text === undefined) return null
  return /^\d{1,6}$/.test(String(text)) ? Number(text) : Number.NaN
}

const wrong = (message: string): ParsedArguments => ({
  kind: 'wrong',
  message: `${message} (npm start -- --help lists the options)`,
})

const firstSentence = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('. ')[0]!.replace(/\.$/, '')
