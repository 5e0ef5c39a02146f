/**
 * Everything that is asked of one seed, wherever it is run: no promise is broken, something was exercised, and a second run
 * leaves the same trace. What fails says so, and what its nodes said last.
 */
import { assertExercised, runPlan, type SeedPlan } from '../run/run-seed.ts'
import { type RunReport } from '../run/report.ts'
import { type SimCluster } from '../sim-cluster.ts'
import { describeError } from './describe-error.ts'
import { EventFile } from './event-file.ts'
import { lastWords } from './last-words.ts'

export interface AttemptOptions {
  /** Run it again and compare the traces. */
  readonly isTwice: boolean
  /** Where the events of the run are written, and those of a second one beside it; null for nowhere. */
  readonly traceFile?: string | null
}

/** What of a seed has failed: a promise, or one of the two things that are asked of each run. */
export type FailureKind = 'promise' | 'not exercised' | 'not repeatable'

export interface Failure {
  readonly ok: false
  readonly kind: FailureKind
  readonly reason: string
  /** The last warnings and errors of each node, as lines. */
  readonly lastWords: readonly string[]
}

export type Outcome = { readonly ok: true; readonly report: RunReport } | Failure

/** The file of the second run, beside that of the first. */
export const secondFile = (traceFile: string): string => `${traceFile}.again`

/** Never rejects. */
export async function attempt(
  plan: SeedPlan,
  { isTwice, traceFile = null }: AttemptOptions,
): Promise<Outcome> {
  const first = await runOnce(plan, traceFile)
  if (!first.ok) return first
  const { report, words } = first
  const fail = (kind: FailureKind, reason: string): Failure => ({ ok: false, kind, reason, lastWords: words })
  try {
    assertExercised(report)
  } catch (error) {
    return fail('not exercised', describeError(error))
  }
  if (!isTwice) return { ok: true, report }
  const second = await runOnce(plan, traceFile === null ? null : secondFile(traceFile))
  const trace = second.ok ? second.report.trace : second.reason
  return trace === report.trace
    ? { ok: true, report }
    : fail('not repeatable', `the run does not depend on its seed alone: traces ${report.trace} and ${trace}`)
}

type Run = { readonly ok: true; readonly report: RunReport; readonly words: readonly string[] } | Failure

async function runOnce(plan: SeedPlan, traceFile: string | null): Promise<Run> {
  const file = traceFile === null ? null : new EventFile(traceFile)
  let watched: SimCluster | null = null
  const words = (): string[] => (watched === null ? [] : lastWords(watched))
  try {
    const report = await runPlan(plan, (cluster) => {
      watched = cluster
      file?.watch(cluster.simulation)
    })
    return { ok: true, report, words: words() }
  } catch (error) {
    return { ok: false, kind: 'promise', reason: describeError(error), lastWords: words() }
  } finally {
    file?.close()
  }
}
