/**
 * `dfs recover`: begins a new history of the metadata on purpose, from what is there, from copies on chunk servers, or from a backup.
 * For a master whose disk is gone or whose log is damaged, or whose database is an old copy that the chunk servers refuse. It says
 * what is given up, and changes nothing before consent.
 */
import { MASTER_SILENT_MS } from '@dfs/protocol'
import { type Arguments, type Command, type Context } from '../command.ts'
import { UsageError } from '../exit-codes.ts'
import { beginHistory } from '../recover/begin.ts'
import { confirmHistory, reportHistory } from '../recover/outcome.ts'

export const recover: Command = {
  name: 'recover',
  operands: '[MASTER_DIR]',
  operandsMin: 0,
  operandsMax: 1,
  summary: 'Begin a new history of the metadata: after a loss, damage, or an old backup.',
  description: [
    'With --server, for a master whose disk is gone: MASTER_DIR is missing or empty, and the metadata comes from the newest copy that any chunk server has. One address is enough: servers name each other. With --backup, from a file that `dfs backup` has made. Without both, from what is in MASTER_DIR: for a master that refuses to start because its metadata is damaged, or that the chunk servers refuse because its database is an old copy.',
    `Stop every master first and leave the chunk servers running: this program asks each of them what it has seen and what it has. It then says which transactions are missing and what is known of them, and asks before it changes anything. A server that does not answer must be named with --lost; if it returns, all that it has is verified again. Refused while any server has heard a master within ${MASTER_SILENT_MS / 1000} seconds.`,
    'Afterwards start the master on MASTER_DIR. The old master, and older copies of its database, are refused for good. Damaged files are kept in MASTER_DIR. Writes that the metadata does not know, and of which the bytes are on the servers, become files below /lost+found, by the path that they had; with --relink they go back to where they were, if nothing stands there and it is certain that they are whole.',
    'With --report, of the cluster that runs: what its last new history was begun from, and what became of each write that it found. With --confirm: this history is the one to keep. Before that no volume and no copy is deleted from any disk, so that a better copy of the metadata, should one turn up, finds everything there.',
    'Ends with 0 if the new history has begun, 1 if consent was not given, 4 if it may not begin.',
  ],
  options: {
    server: {
      value: 'ADDRESS',
      summary: 'A chunk server, by its address for other nodes; may be given again and again.',
    },
    backup: { value: 'FILE', summary: 'A backup of the metadata, made by `dfs backup`.' },
    from: { value: 'NAME', summary: 'Take the copy of this server, and not the newest.' },
    key: {
      value: 'FILE',
      summary: 'The key of the cluster; default $DFS_CLUSTER_KEY_FILE, or cluster.key beside MASTER_DIR.',
    },
    lost: { value: 'NAME', summary: 'A server that is gone; may be given again and again.' },
    relink: { summary: 'Put writes back to where they were, if nothing stands there.' },
    yes: { summary: 'Do not ask.' },
    report: { summary: 'Show what became of the last new history.' },
    confirm: { summary: 'Keep the last new history: what is not needed may be deleted again.' },
  },
  run: runRecover,
}

async function runRecover(context: Context, args: Arguments): Promise<number> {
  const { operands, flags, values } = args
  const [asked] = ['report', 'confirm'].filter((name) => flags.has(name))
  if (asked === undefined) {
    if (operands.length === 1) return await beginHistory(context, args)
    throw new UsageError('MASTER_DIR is missing: where the metadata is, or is to be')
  }
  if (operands.length > 0 || flags.size > 1 || values.size > 0)
    throw new UsageError(`--${asked} asks the cluster that runs, and goes with nothing else`)
  return asked === 'report' ? await reportHistory(context) : await confirmHistory(context)
}
