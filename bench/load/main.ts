/** The load process: one job from its parent, one result to it. A process of its own, so that its CPU time is its own. */
import { runLarge } from './run-large.ts'
import { runSmall } from './run-small.ts'
import { type Job, type LoadMessage } from './job.ts'

const send = (message: LoadMessage): void => {
  process.send?.(message)
}

process.once('message', (job: Job) => {
  void run(job)
    .catch((error: unknown) =>
      send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
    )
    .finally(() => process.disconnect?.())
})

async function run(job: Job): Promise<void> {
  const onMeasuring = (): void => send({ kind: 'measuring' })
  if (job.kind === 'small') send({ kind: 'small-result', result: await runSmall(job, onMeasuring) })
  else send({ kind: 'large-result', result: await runLarge(job) })
}
