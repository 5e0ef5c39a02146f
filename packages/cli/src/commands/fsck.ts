/**
 * `dfs fsck`: whether everything that was stored is there and whole. On a running cluster its servers read all that they
 * have; of a stopped one this program reads everything itself and compares it with the metadata.
 */
import { printable } from '@dfs/core'
import { FINDINGS, type Report } from '@dfs/fsck'
import { type Command, type Context } from '../command.ts'
import { UsageError } from '../exit-codes.ts'
import { type Output } from '../output.ts'
import { ReaderGoneError } from '../result-stream.ts'
import { checkDataDirectory } from '../local/cluster-at-rest.ts'
import { formatBytes, formatCount } from '../text.ts'
import { checkRunning, textOfRunning } from '../running-check.ts'

/** What the program ends with, as checkers of file systems do. */
const CLEAN = 0
const FOUND = 1
const COULD_NOT_RUN = 2
/** Findings that are shown to people; `--json` shows all that were kept. */
const SHOWN_MAX = 100

export const fsck: Command = {
  name: 'fsck',
  operands: '[DIR]',
  operandsMin: 0,
  operandsMax: 1,
  summary: 'Check everything that is stored.',
  description: [
    'Without --offline the servers of a running cluster read every block that they have, at a bounded rate; what is damaged is mended from other copies as it is found. The check goes on when this program is interrupted; starting it again joins it. What no server has is reported too: files with fewer copies than promised, files without any, servers that are gone.',
    'With --offline, DIR is the data directory of a cluster that does not run. The log of the metadata and its structures are checked first, and its books are balanced. Every record that a file refers to is read in every copy and compared with the metadata, and copies are compared with each other. Records that were acknowledged, as others say, and that the metadata lacks are named. Nothing is changed.',
    'Ends with 0 if all is well, 1 if something was found or a server could not be asked, 2 if the check could not be made.',
  ],
  options: { offline: { summary: 'Check the data directory DIR of a stopped cluster.' } },
  async run(context, { operands, flags }) {
    const [directory] = operands
    if (flags.has('offline') !== (directory !== undefined)) {
      throw new UsageError('usage: dfs fsck, or dfs fsck --offline DIR')
    }
    try {
      return directory === undefined ? await checkOnline(context) : await checkStopped(context, directory)
    } catch (error) {
      if (context.signal.aborted) throw error
      context.output.failure('fsck', error)
      return COULD_NOT_RUN
    }
  },
}

/** If nobody reads the report any more, the exit code still is the verdict. */
async function tell(output: Output, value: unknown, text: () => string): Promise<void> {
  await output.result(value, text).catch((error: unknown) => {
    if (!(error instanceof ReaderGoneError)) throw error
  })
}

async function checkOnline(context: Context): Promise<number> {
  const { output } = context
  const running = await checkRunning(context)
  const { check, health, isClean } = running
  await tell(output, { ...check, health }, () => textOfRunning(running, output.shown))
  return isClean ? CLEAN : FOUND
}

async function checkStopped({ output, progress, signal }: Context, directory: string): Promise<number> {
  const onBytes = (count: number): void => progress.addBytes(count)
  const report = await checkDataDirectory(directory, { onBytes, signal })
  await tell(output, report, () => textOfReport(report))
  return report.findingsCount === 0 ? CLEAN : FOUND
}

function textOfReport({ checked, findings, findingsCount }: Report): string {
  const { files, versions, chunks, volumes, copies, bytes, copiesToDrop } = checked
  const what = [
    formatCount(files, 'file'),
    formatCount(versions, 'version'),
    formatCount(chunks, 'chunk'),
    `${formatCount(volumes, 'volume')} in ${copies} copies`,
    `${formatBytes(bytes)} read`,
    ...(copiesToDrop > 0
      ? [`${formatCount(copiesToDrop, 'copy', 'copies')} of deleted volumes to be dropped`]
      : []),
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
