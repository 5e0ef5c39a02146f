/**
 * Runs the simulator over many seeds, in as many processes as there are processors, and says what was exercised and what was
 * broken (docs/simulation.md).
 *
 *   npm run simulate -- --seeds 1000
 */
import { describeFault } from '../faults/fault-plan.ts'
import { planSeed, runPlan } from '../run/run-seed.ts'
import { describeError } from './describe-error.ts'
import { parseOptions, type SimulateOptions, USAGE } from './options.ts'
import { runPool } from './pool.ts'
import { shrinkPlan } from './shrink.ts'
import { Summary } from './summary.ts'
import { type SeedResult, type SeedTask } from './worker.ts'

/** Of so many seeds one is run twice. */
const TWICE_EVERY = 10

process.exitCode = await main()

async function main(): Promise<number> {
  let options: SimulateOptions
  try {
    options = parseOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  return options.seed === null ? runMany(options) : runOne(options.seed, options.isShrinking)
}

async function runMany({ seedsCount, minutes, first, jobs }: SimulateOptions): Promise<number> {
  const startedMs = performance.now()
  const untilMs = minutes === null ? Infinity : startedMs + minutes * 60_000
  const summary = new Summary()
  const failures: Extract<SeedResult, { ok: false }>[] = []
  let begun = 0
  const next = (): SeedTask | null => {
    if (begun >= (seedsCount ?? Infinity) || performance.now() >= untilMs) return null
    begun += 1
    return { seed: String(first + begun - 1), isTwice: begun % TWICE_EVERY === 1 }
  }
  await runPool({
    jobs,
    next,
    onResult: (result) => {
      if (result.ok) summary.add(result.report)
      else failures.push(result)
    },
  })
  console.log(summary.lines(performance.now() - startedMs).join('\n'))
  for (const { seed, reason } of failures)
    console.log(`\nseed ${seed} FAILED\n${reason}\n${repeatCommand(seed)}`)
  return failures.length === 0 ? 0 : 1
}

async function runOne(seed: string, isShrinking: boolean): Promise<number> {
  const plan = planSeed(seed)
  console.log(`knobs: ${JSON.stringify(plan.knobs)}`)
  for (const fault of plan.faults) console.log(describeFault(fault))
  try {
    console.log(JSON.stringify(await runPlan(plan), null, 1))
    return 0
  } catch (error) {
    console.log(`\nseed ${seed} FAILED\n${describeError(error)}`)
    if (!isShrinking) return 1
  }
  const { faults, reason } = await shrinkPlan(plan, (text) => console.log(text))
  console.log(`\n${faults.length} of ${plan.faults.length} faults are enough:`)
  for (const fault of faults) console.log(describeFault(fault))
  console.log(reason)
  return 1
}

function repeatCommand(seed: string): string {
  return `repeat it with: npm run simulate -- --seed '${seed}' --shrink`
}
