/** `dfs recover --report` and `--confirm`: what became of the last new history, by the cluster that runs. */
import { type RecoveryView } from '@dfs/protocol'
import { type Context } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { columns, formatBytes, formatCount, formatTime, type Shown } from '../text.ts'

type History = NonNullable<RecoveryView['recovery']>

export async function reportHistory({ client, output, signal }: Context): Promise<number> {
  let count = 0
  for await (const page of client.recovery({ signal })) {
    const { recovery, writes } = page
    const head = count === 0 ? headOf(recovery) : []
    const rows = writes.map((write) => rowOf(write, output.shown))
    const table = rows.length === 0 ? [] : [columns(count === 0 ? [HEAD, ...rows] : rows)]
    if (head.length > 0 || rows.length > 0) await output.result(page, () => [...head, ...table].join('\n'))
    count += writes.length
  }
  return EXIT.ok
}

export async function confirmHistory({ client, output, signal }: Context): Promise<number> {
  const view = await client.confirmRecovery({ signal })
  await output.result(view, () =>
    view.recovery === null
      ? 'There is nothing to confirm: the metadata is of its first history.'
      : 'The new history is the one to keep. What is not needed is deleted again.',
  )
  return EXIT.ok
}

function headOf(recovery: History | null): string[] {
  if (recovery === null)
    return ['The metadata is of its first history, or of one from before this was written down.']
  const { begunMs, copy, seen, writes, pending, confirmedMs } = recovery
  const waiting = pending === 0 ? 'all have a name' : `${pending} have no name yet`
  return [
    `A new history was begun at ${formatTime(begunMs)}.`,
    `The metadata was of transaction ${copy.transaction} of start ${copy.start}; servers had seen transaction ${seen.transaction} of start ${seen.start}.`,
    `${formatCount(writes, 'write')} ${writes === 1 ? 'was' : 'were'} found that the metadata did not know; ${waiting}.`,
    confirmedMs === null
      ? 'It is not confirmed: nothing is deleted from any disk. If everything is there, run `dfs recover --confirm`.'
      : `It was confirmed at ${formatTime(confirmedMs)}.`,
  ]
}

const HEAD = ['path', 'is now', 'size', 'copies', 'missing']

const rowOf = (
  { path, placed, size, copies, gap }: RecoveryView['writes'][number],
  shown: Shown,
): string[] => [
  shown(path),
  placed === null ? '-' : shown(placed),
  formatBytes(size),
  String(copies),
  gap === null ? '-' : shown(gap),
]
