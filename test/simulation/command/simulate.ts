/**
 * Runs the simulator over many seeds, in as many processes as there are processors, and says what was exercised and what was
 * broken (docs/simulation.md).
 *
 *   npm run simulate -- --seeds 1000
 */
import { describeFault } from '../faults/fault-plan.ts'
import { planSeed, type SeedPlan } from '../run/run-seed.ts'
import { attempt, type Failure, secondFile } from './attempt.ts'
import { parseOptions, type SimulateOptions, USAGE } from './options.ts'
import { runPool } from './pool.ts'
import { shrinkPlan } from './shrink.ts'
import { Summary } from './summary.ts'
import { type SeedResult, type SeedTask } from './worker.ts'

/** Of so many seeds one is run twice. */
const TWICE_EVERY = 10
/** As a shell counts a command that Ctrl-C has ended. */
const EXIT_INTERRUPTED = 130

process.exitCode = await main()

async function main(): Promise<number> {
  let options: SimulateOptions
  try {
    options = parseOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  return options.seed === null ? runMany(options) : runOne(options.seed, options)
}

async function runMany({ seedsCount, minutes, first, jobs }: SimulateOptions): Promise<number> {
  const startedMs = performance.now()
  const untilMs = minutes === null ? Infinity : startedMs + minutes * 60_000
  const summary = new Summary()
  const failures: Extract<SeedResult, { ok: false }>[] = []
  const signal = interruption()
  let begun = 0
  const next = (): SeedTask | null => {
    const isOver = begun >= (seedsCount ?? Infinity) || performance.now() >= untilMs
    if (isOver || signal.aborted) return null
    begun += 1
    return { seed: String(first + begun - 1), isTwice: begun % TWICE_EVERY === 1 }
  }
  await runPool({
    jobs,
    next,
    signal,
    onResult: (result) => {
      if (result.ok) summary.add(result.report)
      else failures.push(result)
    },
  })
  console.log(summary.lines(performance.now() - startedMs).join('\n'))
  for (const failure of failures) {
    sayFailure(failure.seed, failure)
    console.log(repeatCommand(failure.seed))
  }
  if (signal.aborted) console.log('\ninterrupted')
  if (failures.length > 0) return 1
  if (signal.aborted) return EXIT_INTERRUPTED
  const tooLittle = summary.whyTooLittle()
  if (tooLittle !== null) console.log(`\nFAILED: ${tooLittle}`)
  return tooLittle === null ? 0 : 1
}

/** Aborted by the first Ctrl-C or SIGTERM. A second one ends the process, as if nobody listened. */
function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort())
  return controller.signal
}

async function runOne(seed: string, { isShrinking, traceFile }: SimulateOptions): Promise<number> {
  const plan = planSeed(seed)
  console.log(`knobs: ${JSON.stringify(plan.knobs)}`)
  for (const fault of plan.faults) console.log(describeFault(fault))
  const outcome = await attempt(plan, { isTwice: true, traceFile })
  if (traceFile !== null)
    console.log(`its events are in ${traceFile}, a second run's in ${secondFile(traceFile)}`)
  if (outcome.ok) {
    console.log(JSON.stringify(outcome.report, null, 1))
    return 0
  }
  sayFailure(seed, outcome)
  if (isShrinking) await shrinkOne(plan, outcome)
  return 1
}

async function shrinkOne(plan: SeedPlan, { kind }: Failure): Promise<void> {
  if (kind === 'not exercised') {
    console.log('fewer faults would exercise less: nothing to shrink')
    return
  }
  const { faults, reason } = await shrinkPlan(plan, kind, (text) => console.log(text))
  console.log(`\n${faults.length} of ${plan.faults.length} faults are enough:`)
  for (const fault of faults) console.log(describeFault(fault))
  console.log(reason)
}

function sayFailure(seed: string, { reason, lastWords }: Failure): void {
  console.log(`\nseed ${seed} FAILED\n${[reason, ...lastWords].join('\n')}`)
}

function repeatCommand(seed: string): string {
  return `repeat it with: npm run simulate -- --seed '${seed}' --shrink`
}
