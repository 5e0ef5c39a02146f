/** `dfs repairs`: the copies that are made again, how far they are, and what became of the last ones. */
import { type RepairView } from '@dfs/protocol'
import { type Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { columns, formatBytes, formatCount, type Shown } from '../text.ts'

const SHOWN_DEFAULT = 20

export const repairs: Command = {
  name: 'repairs',
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  summary: 'Show the copies that are made again.',
  description: [
    'The newest first: those under way with how much has come, how fast, and for how long still; and what became of the last ones. A copy is done when all of it is there and was read back.',
    'With --all: as many as are kept, 100,000. What volumes wait for that get no copy, `dfs status` says.',
  ],
  options: {
    all: { summary: 'All that are kept, and not the newest 20 alone.' },
  },
  async run({ client, output, signal }, { flags }) {
    const countMax = flags.has('all') ? Infinity : SHOWN_DEFAULT
    let count = 0
    for await (const page of client.repairs({ signal })) {
      const part = page.repairs.slice(0, countMax - count)
      const head = count === 0 ? [HEAD] : []
      if (part.length > 0)
        await output.result({ repairs: part }, () =>
          columns([...head, ...part.map((repair) => rowOf(repair, output.shown))]),
        )
      count += part.length
      if (count >= countMax) break
    }
    output.notice(count === 0 ? 'No copy was made again.' : formatCount(count, 'repair'))
    return EXIT.ok
  },
}

const HEAD = ['volume', 'state', 'cause', 'from', 'to', 'size', 'done', 'rate', 'left', 'tries', 'last error']

function rowOf(repair: RepairView, shown: Shown): string[] {
  const { volume, state, cause, source, target, bytes, bytesDone, bytesPerSecond, secondsLeft, tries } =
    repair
  const trouble = repair.lastError ?? repair.why
  return [
    shown(volume),
    shown(state),
    shown(cause),
    shown(source),
    shown(target),
    formatBytes(bytes),
    bytesDone === null ? '-' : formatBytes(bytesDone),
    bytesPerSecond === null ? '-' : `${formatBytes(Math.round(bytesPerSecond))}/s`,
    secondsLeft === null ? '-' : `${secondsLeft} s`,
    String(tries),
    trouble === null ? '-' : shown(trouble),
  ]
}
