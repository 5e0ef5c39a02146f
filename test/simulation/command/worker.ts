/** A process that runs one seed after the other, as it is told, and answers with what became of each. */
import { assertExercised, runSeed } from '../run/run-seed.ts'
import { type RunReport } from '../run/report.ts'
import { describeError } from './describe-error.ts'

export interface SeedTask {
  readonly seed: string
  /** Run it again and compare the traces. */
  readonly isTwice: boolean
}

export type SeedResult =
  | { readonly seed: string; readonly ok: true; readonly report: RunReport; readonly tookMs: number }
  | { readonly seed: string; readonly ok: false; readonly reason: string; readonly tookMs: number }

async function runTask({ seed, isTwice }: SeedTask): Promise<SeedResult> {
  const startedMs = performance.now()
  const took = (): { seed: string; tookMs: number } => ({ seed, tookMs: performance.now() - startedMs })
  try {
    const report = await runSeed(seed)
    assertExercised(report)
    if (isTwice) await compareWithSecondRun(report)
    return { ok: true, report, ...took() }
  } catch (error) {
    return { ok: false, reason: describeError(error), ...took() }
  }
}

async function compareWithSecondRun({ seed, trace }: RunReport): Promise<void> {
  const second = await runSeed(seed)
  if (second.trace === trace) return
  throw new Error(`the run does not depend on its seed alone: traces ${trace} and ${second.trace}`)
}

process.on('message', (task: SeedTask) => {
  void runTask(task).then((result) => process.send!(result))
})
