/** `dfs backup`: a copy of all metadata, while the cluster runs. */
import { type BackupDownload } from '@dfs/client'
import { formatPosition } from '@dfs/protocol'
import { type Command, type Context } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { landBackup, pathOf } from '../local/backup-file.ts'
import { ReaderGoneError } from '../result-stream.ts'
import { formatBytes } from '../text.ts'

export const backup: Command = {
  name: 'backup',
  operands: '[FILE|-]',
  operandsMin: 0,
  operandsMax: 1,
  summary: 'Keep a copy of all metadata.',
  description: [
    'The master hands out its metadata as it is at one moment, as a database file of SQLite, while everything goes on: the names and attributes of all files and where their bytes are, not the bytes. docs/operating.md says what to do with it. The chunk servers keep copies that are newer; a backup is for the day on which those are gone too, or on which somebody wants to go back on purpose.',
    'FILE is written beside its final name, checked by checksum and by SQLite, synced, and then renamed: what has the name is whole. Without FILE, or with a directory, the name is dfs-metadata-START-TRANSACTION.db. A file that is there already is replaced only with --force. "-" is standard output: then only the exit code says that all of it came, and that nothing was changed on its way.',
    'One backup at a time; a second one waits for a while. Whoever can read the file can read every name in the cluster: it is made for its owner alone.',
  ],
  options: { force: { short: 'f', summary: 'Replace FILE if it is there.' } },
  async run(context, { operands, flags }) {
    const [operand = null] = operands
    await using download = await context.client.backup({ signal: context.signal })
    if (operand === '-') return await toOutput(context, download)
    const target = { operand, isForced: flags.has('force') }
    const { info } = download
    const path = await pathOf(target, info)
    const body = counted(context, download)
    await landBackup(path, { info, body }, { ...target, random: context.random })
    const { clusterId, position, schema, bytesTotal: bytes } = info
    await context.output.result({ file: path, bytes, clusterId, position, schema }, () =>
      [`${path}: ${wordsFor(download)}`, 'It is whole: checksum and structures are right.'].join('\n'),
    )
    return EXIT.ok
  },
}

async function toOutput(context: Context, download: BackupDownload): Promise<number> {
  try {
    for await (const piece of counted(context, download)) await context.output.write(piece)
  } catch (error) {
    // Elsewhere a reader that has seen enough is no failure.
    if (error instanceof ReaderGoneError) throw new Error(error.message, { cause: error })
    throw error
  }
  context.output.notice(wordsFor(download))
  return EXIT.ok
}

async function* counted({ progress }: Context, { info, body }: BackupDownload): AsyncGenerator<Uint8Array> {
  progress.expect(info.bytesTotal)
  for await (const piece of body) {
    progress.addBytes(piece.byteLength)
    yield piece
  }
}

const wordsFor = ({ info }: BackupDownload): string =>
  `${formatBytes(info.bytesTotal)}, the metadata of cluster ${info.clusterId} up to transaction ${info.position.sequence} (${formatPosition(info.position)})`
