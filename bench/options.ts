/** The command line of the benchmark. Pure. */
import { parseArgs } from 'node:util'
import { HEALING_PARTS, type HealingOptions } from './healing/cases.ts'

/** What runs if nothing is named. Healing takes a quarter of an hour, most of it waiting. */
const USUAL_WORKLOADS = ['small-writes', 'small-reads', 'large-write', 'large-read'] as const
export const WORKLOADS = [...USUAL_WORKLOADS, 'healing'] as const
export type WorkloadName = (typeof WORKLOADS)[number]

export interface BenchOptions {
  readonly workloads: readonly WorkloadName[]
  /** Measured time of each small workload; a second of warming up comes before it. */
  readonly seconds: number
  readonly largeMib: number
  readonly healing: HealingOptions
  /** Where to write the rows as JSON, or null. */
  readonly json: string | null
}

export const USAGE = `Measures the product beside bare baselines, in one run on one machine.

  npm run bench -- [--only NAME] [--seconds S] [--large-mib M] [--json FILE]
  npm run bench -- --only healing [--healing-part NAME] [--healing-mib M] [--healing-losses N] [--healing-rate R]

  --only NAME            ${WORKLOADS.join(', ')}; may be given again
                         (all but healing)
  --seconds S            measured time of each small workload (4)
  --large-mib M          size of the large file (1024)
  --healing-part NAME    ${HEALING_PARTS.join(', ')}; may be given again (all)
  --healing-mib M        size of all files of a part together (1024)
  --healing-losses N     servers that are lost, one after the other: 1 or 2 (2)
  --healing-rate R       requests of clients in a second, in the part with traffic (200)
  --json FILE            writes the results as JSON too

A small try of a minute: --only healing --healing-part idle --healing-mib 64 --healing-losses 1`

/** Throws an Error whose message is for the user. */
export function parseOptions(argv: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string', multiple: true },
      seconds: { type: 'string', default: '4' },
      'large-mib': { type: 'string', default: '1024' },
      'healing-part': { type: 'string', multiple: true },
      'healing-mib': { type: 'string', default: '1024' },
      'healing-losses': { type: 'string', default: '2' },
      'healing-rate': { type: 'string', default: '200' },
      json: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) return 'help'
  return {
    workloads: values.only?.map((name) => oneOf('--only', name, WORKLOADS)) ?? USUAL_WORKLOADS,
    seconds: numberFrom('--seconds', values.seconds, 1, 60),
    largeMib: numberFrom('--large-mib', values['large-mib'], 1, 16_384),
    healing: {
      parts:
        values['healing-part']?.map((name) => oneOf('--healing-part', name, HEALING_PARTS)) ?? HEALING_PARTS,
      mib: numberFrom('--healing-mib', values['healing-mib'], 1, 16_384),
      losses: Math.trunc(numberFrom('--healing-losses', values['healing-losses'], 1, 2)),
      requestsPerSecond: numberFrom('--healing-rate', values['healing-rate'], 1, 10_000),
    },
    json: values.json ?? null,
  }
}

function oneOf<Name extends string>(option: string, text: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === text)
  if (found === undefined) throw new Error(`${option} knows ${names.join(', ')}`)
  return found
}

function numberFrom(option: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (!(value >= least && value <= most))
    throw new Error(`${option} must be a number from ${least} to ${most}`)
  return value
}
