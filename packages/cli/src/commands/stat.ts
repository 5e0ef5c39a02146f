/** `dfs stat`: all that is known about one entry. */
import { type EntryView, type FileView } from '@dfs/protocol'
import { type Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { columns, formatTime, type Shown } from '../text.ts'

export const stat: Command = {
  name: 'stat',
  operands: 'PATH',
  operandsMin: 1,
  operandsMax: 1,
  summary: 'Show what stands at a path.',
  description: [
    'Links are shown as links. With --json the sizes and times are plain numbers.',
    'The copies are those that are good now, of the part of the file that has the fewest.',
  ],
  options: {},
  async run({ client, output, signal }, { operands }) {
    const view = await client.stat(operands[0]!, { signal })
    await output.result(view, () => columns(rowsOf(view, output.shown)))
    return EXIT.ok
  },
}

function rowsOf(view: EntryView, shown: Shown): string[][] {
  const rows = [
    ['path', shown(view.path)],
    ['kind', view.kind],
    ['modified', formatTime(view.modifiedMs)],
  ]
  if (view.kind === 'link') rows.push(['target', shown(view.target)])
  if (view.kind !== 'file') return rows
  rows.push(['size', `${view.size} bytes`], ['etag', view.etag], ['type', shown(view.contentType)])
  rows.push(['executable', view.executable ? 'yes' : 'no'], ['crc32', view.crc32])
  if (view.sha256 !== undefined) rows.push(['sha256', view.sha256])
  rows.push(['copies', copiesOf(view)])
  return rows
}

function copiesOf({ size, copies, promised = copies }: FileView): string {
  if (size === 0) return 'none needed: it has no bytes'
  return copies === promised ? String(copies) : `${copies} now, ${promised} when it was written`
}
