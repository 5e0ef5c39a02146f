/** The command line of the benchmark. Pure. */
import { parseArgs } from 'node:util'

export const WORKLOADS = ['small-writes', 'small-reads', 'large-write', 'large-read'] as const
export type WorkloadName = (typeof WORKLOADS)[number]

export interface BenchOptions {
  readonly workloads: readonly WorkloadName[]
  /** Measured time of each small workload; a second of warming up comes before it. */
  readonly seconds: number
  readonly largeMib: number
  /** Where to write the rows as JSON, or null. */
  readonly json: string | null
}

export const USAGE = `Measures the product beside bare baselines, in one run on one machine.

  npm run bench -- [--only NAME] [--seconds S] [--large-mib M] [--json FILE]

  --only NAME      ${WORKLOADS.join(', ')}; may be given again
  --seconds S      measured time of each small workload (4)
  --large-mib M    size of the large file (1024)
  --json FILE      writes the results as JSON too`

/** Throws an Error whose message is for the user. */
export function parseOptions(argv: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string', multiple: true },
      seconds: { type: 'string', default: '4' },
      'large-mib': { type: 'string', default: '1024' },
      json: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) return 'help'
  return {
    workloads: values.only === undefined ? WORKLOADS : values.only.map(workloadOf),
    seconds: numberFrom('--seconds', values.seconds, 1, 60),
    largeMib: numberFrom('--large-mib', values['large-mib'], 1, 16_384),
    json: values.json ?? null,
  }
}

function workloadOf(text: string): WorkloadName {
  const found = WORKLOADS.find((name) => name === text)
  if (found === undefined) throw new Error(`--only knows ${WORKLOADS.join(', ')}`)
  return found
}

function numberFrom(option: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (!(value >= least && value <= most))
    throw new Error(`${option} must be a number from ${least} to ${most}`)
  return value
}
