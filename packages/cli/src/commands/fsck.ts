/**
 * `dfs fsck`: whether everything that was stored is there and whole. On a running cluster its servers read all that they
 * have; of a stopped one this program reads everything itself and compares it with the metadata.
 */
import { printable } from '@dfs/core'
import { FINDINGS, type Report } from '@dfs/fsck'
import { type CopyCheck, DfsError } from '@dfs/protocol'
import { type Command, type Context } from '../command.ts'
import { UsageError } from '../exit-codes.ts'
import { type Output } from '../output.ts'
import { ReaderGoneError } from '../result-stream.ts'
import { checkDataDirectory } from '../local/cluster-at-rest.ts'
import { columns, formatBytes, formatCount, type Shown } from '../text.ts'

/** What the program ends with, as checkers of file systems do. */
const CLEAN = 0
const FOUND = 1
const COULD_NOT_RUN = 2
/** Findings that are shown to people; `--json` shows all that were kept. */
const SHOWN_MAX = 100
const ASK_EVERY_MS = 1000

export const fsck: Command = {
  name: 'fsck',
  operands: '[DIR]',
  operandsMin: 0,
  operandsMax: 1,
  summary: 'Check everything that is stored.',
  description: [
    'Without --offline the servers of a running cluster read every block that they have, at a bounded rate; what is damaged is mended from other copies as it is found. The check goes on when this program is interrupted; starting it again joins it.',
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
      return directory === undefined ? await checkRunning(context) : await checkStopped(context, directory)
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

async function checkRunning(context: Context): Promise<number> {
  const { client, clock, output, signal } = context
  let check = await client.startCheck({ signal })
  const { id } = check
  let shownBytes = 0
  while (!check.isDone) {
    await clock.sleep(ASK_EVERY_MS, signal)
    const now = await client.check({ signal })
    // The master has restarted, or somebody has begun another check after this one.
    if (now?.id !== id)
      throw new DfsError('UNAVAILABLE', 'the master has forgotten the check: start it again')
    check = now
    context.progress.expect(sum(check, 'bytesTotal'))
    context.progress.addBytes(sum(check, 'bytesDone') - shownBytes)
    shownBytes = sum(check, 'bytesDone')
  }
  const done = check
  await tell(output, done, () => textOfCheck(done, output.shown))
  const isClean = done.servers.every(({ state, damagedRanges }) => state === 'done' && damagedRanges === 0)
  return isClean ? CLEAN : FOUND
}

const sum = ({ servers }: CopyCheck, name: 'bytesDone' | 'bytesTotal' | 'damagedRanges'): number =>
  servers.reduce((total, server) => total + server[name], 0)

function textOfCheck(check: CopyCheck, shown: Shown): string {
  const rows = check.servers.map(({ name, state, copies, bytesDone, damagedRanges }) => [
    shown(name),
    state === 'done' ? 'read' : state,
    String(copies),
    formatBytes(bytesDone),
    String(damagedRanges),
  ])
  const damaged = sum(check, 'damagedRanges')
  const verdict =
    damaged === 0
      ? 'No damage was found.'
      : `${formatCount(damaged, 'range')} damaged; mended if another copy is right: see "dfs status" and the logs.`
  return [columns([['server', 'state', 'copies', 'read', 'damaged'], ...rows]), verdict].join('\n')
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
