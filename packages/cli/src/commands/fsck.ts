/** `dfs fsck`: whether everything that was stored is there, whole, and the same everywhere. */
import { FINDINGS, type Report } from '@dfs/fsck'
import { type Command, type Context } from '../command.ts'
import { UsageError } from '../exit-codes.ts'
import { checkDataDirectory } from '../local/cluster-at-rest.ts'
import { formatBytes, formatCount, printable } from '../text.ts'

/** What the program ends with, as checkers of file systems do. */
const CLEAN = 0
const FOUND = 1
const COULD_NOT_RUN = 2
/** Findings that are shown to people; `--json` shows all that were kept. */
const SHOWN_MAX = 100

export const fsck: Command = {
  name: 'fsck',
  operands: 'DIR',
  operandsMin: 1,
  operandsMax: 1,
  summary: 'Check everything that a stopped cluster has stored.',
  description: [
    'DIR is the data directory of a cluster that does not run. Every record that a file refers to is read in every copy and compared with the metadata, copies are compared with each other, and the books of the metadata are balanced. Nothing is changed.',
    'Ends with 0 where all is well, 1 where something was found, 2 where the check could not be made.',
  ],
  options: { offline: { summary: 'The cluster is stopped; required.' } },
  async run(context, { operands, flags }) {
    if (!flags.has('offline')) throw new UsageError('dfs fsck needs --offline: it checks a stopped cluster')
    try {
      const report = await check(context, operands[0]!)
      await context.output.result(report, () => textOf(report))
      return report.findingsCount === 0 ? CLEAN : FOUND
    } catch (error) {
      if (context.signal.aborted) throw error
      context.output.failure('fsck', error)
      return COULD_NOT_RUN
    }
  },
}

function check({ progress, signal }: Context, directory: string): Promise<Report> {
  return checkDataDirectory(directory, {
    signal,
    onBytes: (count) => progress.addBytes(count),
  })
}

function textOf({ checked, findings, findingsCount }: Report): string {
  const { files, versions, chunks, volumes, copies, bytes } = checked
  const what = [
    formatCount(files, 'file'),
    formatCount(versions, 'version'),
    formatCount(chunks, 'chunk'),
    `${formatCount(volumes, 'volume')} in ${copies} copies`,
    `${formatBytes(bytes)} read`,
  ].join(', ')
  const shown = findings
    .slice(0, SHOWN_MAX)
    .map(
      ({ kind, where, detail }) => `${kind}: ${printable(where)}: ${printable(detail)}\n  ${FINDINGS[kind]}`,
    )
  const more = findingsCount > SHOWN_MAX ? [`and ${findingsCount - SHOWN_MAX} more; --json shows them`] : []
  const verdict = findingsCount === 0 ? 'Nothing is wrong.' : `${formatCount(findingsCount, 'fault')} found.`
  return [what, ...shown, ...more, verdict].join('\n')
}
