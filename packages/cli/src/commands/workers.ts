/** `dfs workers`: what every node does in the background, and what each worker waits for. */
import { type NodeWorkers } from '@dfs/client'
import { type WorkerView } from '@dfs/protocol'
import { type Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { columns, formatBytes, type Shown } from '../text.ts'

export const workers: Command = {
  name: 'workers',
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  summary: 'Show what the nodes do in the background.',
  description: [
    'Every node is asked: the master and each chunk server. One that does not answer is shown with the reason, and the exit code is then 1.',
    'What a worker counts is bytes if it reads copies, and otherwise things: volumes, copies.',
  ],
  options: {},
  async run({ client, output, signal }) {
    const nodes = await client.workers({ signal })
    await output.result({ nodes }, () =>
      columns([HEAD, ...nodes.flatMap((node) => rowsOf(node, output.shown))]),
    )
    return nodes.every(({ error }) => error === null) ? EXIT.ok : EXIT.failed
  },
}

const HEAD = ['node', 'worker', 'state', 'progress', 'did', 'rate', 'waits because', 'last error']

function rowsOf({ node, workers: own, error }: NodeWorkers, shown: Shown): string[][] {
  if (error !== null) return [[shown(node), '-', 'not known', '-', '-', '-', '-', shown(error)]]
  return own.map((worker) => [
    shown(node),
    shown(worker.name),
    worker.state,
    progressOf(worker),
    amountOf(worker, worker.did),
    worker.perSecond === 0 ? '-' : `${amountOf(worker, worker.perSecond)}/s`,
    worker.why === null ? '-' : shown(worker.why),
    worker.lastError === null ? '-' : shown(worker.lastError.message),
  ])
}

const progressOf = (worker: WorkerView): string =>
  worker.progress === null
    ? '-'
    : `${amountOf(worker, worker.progress.done)} of ${amountOf(worker, worker.progress.total)}`

const amountOf = ({ unit }: WorkerView, count: number): string =>
  unit === 'bytes' ? formatBytes(Math.round(count)) : String(Math.round(count))
