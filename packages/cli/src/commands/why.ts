/** `dfs why`: why a file is as it is, and which files have too few copies. */
import { type WeakFilesOptions } from '@dfs/client'
import {
  type ContentCondition,
  type ExplainedPart,
  type Explanation,
  type WeakFile,
  type WeakState,
} from '@dfs/protocol'
import { type Command, type Context } from '../command.ts'
import { EXIT, UsageError } from '../exit-codes.ts'
import { idIn } from './server.ts'
import { columns, formatBytes, formatCount, type Shown } from '../text.ts'

export const why: Command = {
  name: 'why',
  operands: '[PATH]',
  operandsMin: 0,
  operandsMax: 1,
  summary: 'Explain where the copies of a file are, or list files with too few.',
  description: [
    'With PATH: the parts of the file, the volume that each lies in, and every copy of it: on which server, whether it counts, the cause, and what happens next.',
    'With --lost: the files that no server which is there has a copy of. With --short: those that have fewer good copies than everything is to have, the lost ones included, and those of which every copy is damaged somewhere. With --only-on: those that would be given up with that server (dfs server remove). All list the current files in the order of their paths; the last line says how many stored contents there are like that, earlier versions and deleted files among them. The list is made page by page while it is read.',
  ],
  options: {
    lost: { summary: 'List the files that no server has a copy of.' },
    short: { summary: 'List the files with fewer good copies than wanted.' },
    'only-on': { value: 'NAME', summary: 'List the files of which this server alone may have a good copy.' },
    id: { value: 'N', summary: 'With --only-on: which of several servers of that name.' },
  },
  async run(context, { operands, flags, values }) {
    const [path] = operands
    const asked = [...flags].filter((flag) => flag !== 'id')
    if (asked.length + operands.length !== 1)
      throw new UsageError('usage: dfs why PATH, --lost, --short or --only-on NAME')
    const server = values.get('only-on')?.at(-1)
    if (path !== undefined) await explain(context, path)
    else if (server !== undefined) await list(context, 'only-on', { server, id: idIn(values) })
    else await list(context, flags.has('lost') ? 'lost' : 'short')
    return EXIT.ok
  },
}

/** A long file is explained page by page; with `--json` each page is a line. */
async function explain({ client, output, signal }: Context, path: string): Promise<void> {
  let from: number | null = 0
  while (from !== null) {
    const page: Explanation = await client.explain(path, { from, signal })
    const isFirst = from === 0
    await output.result(page, () => textOf(page, isFirst, output.shown))
    from = page.next
  }
}

function textOf(page: Explanation, isFirst: boolean, shown: Shown): string {
  const { path, etag, size, promised, says, parts } = page
  const head = isFirst
    ? [
        `${shown(path)}: ${says}`,
        `version ${etag}, ${formatBytes(size)}, written with ${formatCount(promised, 'copy', 'copies')}`,
      ]
    : []
  return [...head, ...parts.flatMap((part) => partLines(part, page.wanted, shown))].join('\n')
}

function partLines(part: ExplainedPart, wanted: number, shown: Shown): string[] {
  const { start, length, chunks, volume, volumeState, good, copies } = part
  const rows = copies.map(({ server, condition, says, next }) => [
    `  ${shown(server)}`,
    condition,
    `${shown(says)}; ${shown(next)}`,
  ])
  return [
    `bytes ${start} to ${start + length} in ${formatCount(chunks, 'chunk')}: volume ${volume} (${volumeState}), ${good} of ${wanted} good copies`,
    ...(rows.length === 0 ? [] : [columns(rows)]),
  ]
}

const CONDITIONS: Readonly<Record<ContentCondition, string>> = {
  lost: 'lost',
  'not-seen': 'not known yet',
  damaged: 'damaged',
  unverified: 'no verified copy',
  short: 'short',
  whole: 'whole',
}

async function list(
  { client, output, signal }: Context,
  state: WeakState,
  only: Pick<WeakFilesOptions, 'server' | 'id'> = {},
): Promise<void> {
  let [listed, total] = [0, 0]
  for await (const page of client.weakFiles(state, { ...only, signal })) {
    for (const file of page.files) await output.result(file, () => rowOf(file, page.wanted, output.shown))
    listed += page.files.length
    total = page.total
  }
  const what = WHAT[state]
  const rest =
    total > listed
      ? `; ${formatCount(total, 'stored content')} in all, earlier versions and deleted files among them`
      : ''
  output.notice(`${formatCount(listed, 'file')} ${what}${rest}`)
}

const WHAT: Readonly<Record<WeakState, string>> = {
  lost: 'without a copy',
  short: 'with fewer good copies than wanted',
  'only-on': 'of which nobody else is known to have a good copy',
}

const rowOf = ({ path, size, condition, good }: WeakFile, wanted: number, shown: Shown): string =>
  `${good} of ${wanted}  ${CONDITIONS[condition].padEnd(16)}  ${formatBytes(size).padStart(10)}  ${shown(path)}`
