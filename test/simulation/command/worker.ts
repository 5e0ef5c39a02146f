/**
 * A process that runs one seed after the other, as it is told, and answers with what became of each. It ends with the process that
 * started it, whatever ends that one: a signal to the whole group is that one's to handle.
 */
import { planSeed } from '../run/run-seed.ts'
import { attempt, type Outcome } from './attempt.ts'

export interface SeedTask {
  readonly seed: string
  /** Run it again and compare the traces. */
  readonly isTwice: boolean
}

export type SeedResult = Outcome & { readonly seed: string }

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
process.on('disconnect', () => process.exit())
process.on('message', ({ seed, isTwice }: SeedTask) => {
  void attempt(planSeed(seed), { isTwice }).then((outcome) => {
    const result: SeedResult = { ...outcome, seed }
    if (process.connected) process.send!(result)
  })
})
