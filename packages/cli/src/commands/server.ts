/** `dfs server remove`: a chunk server is gone for good. */
import { type RemovalView } from '@dfs/protocol'
import { type Arguments, type Command } from '../command.ts'
import { EXIT, UsageError } from '../exit-codes.ts'
import { formatBytes, formatCount, type Shown } from '../text.ts'

export const server: Command = {
  name: 'server',
  operands: 'remove NAME',
  operandsMin: 2,
  operandsMax: 2,
  summary: 'Say that a chunk server is gone for good.',
  description: [
    'dfs server remove NAME --lost: the server NAME will not come back, and its disk neither. Nobody waits for it any more, its copies count for nothing and are made again from the others, and its disk is refused if it comes back after all. This is for ever. To use the machine again, empty the data directory: it joins as a new server.',
    'It works while the master waits for most of the servers after a start, which is what it is there for: name those that will not come back, one after the other. A server that only stopped for a while needs nothing: it is taken up again when it is back.',
    'Refused until the server has been silent for 20 seconds. Refused as well if nobody else is known to have a good copy of some files; the first ones are named, "dfs why --only-on NAME" lists all of them, and --accept-loss gives them up. Others may still be reading their copies after a start: wait until "dfs status" no longer says "verifying".',
    'Of two servers of one name, a disk that was replaced and the one in its place, the one is meant that is not there. Doing it again changes nothing.',
  ],
  options: {
    lost: { summary: 'That it is gone for good, with its disk. Must be said.' },
    'accept-loss': { summary: 'Give up the files that it alone may have a good copy of.' },
    id: { value: 'N', summary: 'Which of several servers of that name, as "dfs status --json" has it.' },
  },
  async run({ client, output, signal }, { operands, flags, values }) {
    const [action, name] = operands as [string, string]
    if (action !== 'remove')
      throw new UsageError(`dfs server ${action} is not known: usage: dfs server remove NAME`)
    if (!flags.has('lost'))
      throw new UsageError(`say --lost if ${name} is gone for good: that is all that can be removed`)
    const acceptLoss = flags.has('accept-loss')
    const view = await client.removeServer(name, { id: idIn(values), acceptLoss, signal })
    await output.result(view, () => textOf(view, output.shown))
    return EXIT.ok
  },
}

/** The value of --id. Throws UsageError if it is no id. */
export function idIn(values: Arguments['values']): number | undefined {
  const text = values.get('id')?.at(-1)
  if (text === undefined) return undefined
  const id = Number(text)
  if (!Number.isSafeInteger(id) || id < 1) throw new UsageError(`--id ${text} is no id of a server`)
  return id
}

function textOf({ name, id, wasRemoved, files, bytes, paths }: RemovalView, shown: Shown): string {
  const who = `${shown(name)} (id ${id})`
  if (wasRemoved) return `${who} was removed before.`
  const removed = `${who} is removed. What it had is made again from the others; "dfs status" shows how far that is.`
  if (files === 0) return removed
  const first = paths.map((path) => `  ${shown(path)}`)
  return [removed, `Given up: ${formatCount(files, 'file')}, ${formatBytes(bytes)}.`, ...first].join('\n')
}
