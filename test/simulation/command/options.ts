/** The command line of the simulator. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

export interface SimulateOptions {
  /** Seeds to run; null where the time decides. */
  readonly seedsCount: number | null
  readonly minutes: number | null
  /** The one seed to run, or null. */
  readonly seed: string | null
  /** The first of the numbered seeds. */
  readonly first: number
  readonly jobs: number
  readonly isShrinking: boolean
  /** Where the events of that seed are written, or null. */
  readonly traceFile: string | null
}

export const USAGE = `usage: npm run simulate -- [--seeds N | --minutes M | --seed S [--shrink] [--trace FILE]] [--first K] [--jobs J]

  --seeds N     run N seeds (default 200): the numbers from K on
  --minutes M   run as many as M minutes allow
  --seed S      run one seed twice, and say all that is known where it fails
  --shrink      find the fewest faults with which that seed still fails
  --trace FILE  write down every event of that seed, and those of its second run in FILE.again
  --first K     the first seed (default 0)
  --jobs J      processes at once (default: one for each processor)`

const SEEDS_DEFAULT = 200

/** Throws an Error that says what is wrong. */
export function parseOptions(argv: readonly string[]): SimulateOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seeds: { type: 'string' },
      minutes: { type: 'string' },
      seed: { type: 'string' },
      first: { type: 'string' },
      jobs: { type: 'string' },
      shrink: { type: 'boolean' },
      trace: { type: 'string' },
    },
  })
  const given = ['seeds', 'minutes', 'seed'].filter((name) => name in values)
  if (given.length > 1) throw new Error(`--${given.join(' and --')} exclude each other`)
  for (const name of ['shrink', 'trace'] as const) {
    if (values[name] !== undefined && values.seed === undefined) throw new Error(`--${name} needs a --seed`)
  }
  const minutes = values.minutes === undefined ? null : numberOf('minutes', values.minutes)
  const seeds = values.seeds === undefined ? SEEDS_DEFAULT : wholeNumberOf('seeds', values.seeds)
  return {
    seedsCount: minutes === null ? seeds : null,
    minutes,
    seed: values.seed ?? null,
    first: values.first === undefined ? 0 : wholeNumberOf('first', values.first, 0),
    jobs: values.jobs === undefined ? availableParallelism() : wholeNumberOf('jobs', values.jobs),
    isShrinking: values.shrink ?? false,
    traceFile: values.trace ?? null,
  }
}

function numberOf(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`--${name} needs a number, not "${text}"`)
  return value
}

function wholeNumberOf(name: string, text: string, least = 1): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < least)
    throw new Error(`--${name} needs a whole number, not "${text}"`)
  return value
}
