/**
 * `dfs recover`: begins a new history of the metadata on purpose, from what is there. For a master whose log is damaged, or
 * whose database is an old copy that the chunk servers refuse. It says what is given up, and changes nothing before consent.
 */
import { dirname, join } from 'node:path'
import { printable, silentLog } from '@dfs/core'
import { NodeTransport, readClusterKey } from '@dfs/node-runtime'
import { type Epoch, MASTER_SILENT_MS } from '@dfs/protocol'
import { type Arguments, type Command, type Context } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { typesWord } from '../local/consent.ts'
import { MetadataAtRest } from '../local/metadata-at-rest.ts'
import {
  type HistoryPlan,
  planHistory,
  requireUnchanged,
  type UnknownWrite,
  writesOf,
} from '../recover/history.ts'
import { announce, type Asked, askAll, findUnknownRecords } from '../recover/servers.ts'
import { columns, formatBytes, formatCount } from '../text.ts'

/** Writes that are shown to people; `--json` shows all. */
const SHOWN_MAX = 100
const NONCE_BYTES = 8
const QUESTION = 'Type "begin" to give this up and begin a new history: '

export const recover: Command = {
  name: 'recover',
  operands: 'MASTER_DIR',
  operandsMin: 1,
  operandsMax: 1,
  summary: 'Begin a new history of the metadata, after damage or an old backup.',
  description: [
    'For a master that refuses to start because its metadata is damaged, or that the chunk servers refuse because its database is an old copy. MASTER_DIR is the directory of the master, with metadata.db in it. Stop every master first and leave the chunk servers running: this program asks each of them what it has seen and what it has.',
    `It then says which transactions are missing and what is known of them, and asks before it changes anything. A server that does not answer must be named with --lost; if it returns, all that it has is verified again. Refused while any server has heard a master within ${MASTER_SILENT_MS / 1000} seconds.`,
    'Afterwards start the master on MASTER_DIR. The old master, and older copies of its database, are refused for good. Damaged files are kept in MASTER_DIR. Writes that are given up stay in the volumes; only no name leads to them.',
    'Ends with 0 if the new history has begun, 1 if consent was not given, 4 if it may not begin.',
  ],
  options: {
    key: {
      value: 'FILE',
      summary: 'The key of the cluster; default $DFS_CLUSTER_KEY_FILE, or cluster.key beside MASTER_DIR.',
    },
    lost: { value: 'NAME', summary: 'A server that is gone; may be given again and again.' },
    yes: { summary: 'Do not ask.' },
  },
  run: runRecover,
}

interface Findings {
  readonly metadata: MetadataAtRest
  readonly asked: Asked
  readonly plan: HistoryPlan
  readonly writes: readonly UnknownWrite[]
}

async function runRecover(context: Context, { operands, values, flags }: Arguments): Promise<number> {
  const [directory] = operands as [string]
  const keyFile =
    values.get('key')?.at(-1) ?? context.clusterKeyFile ?? join(dirname(directory), 'cluster.key')
  const clusterKey = await readClusterKey(keyFile)
  using metadata = await MetadataAtRest.open(directory)
  await using transport = new NodeTransport({
    listenHost: '127.0.0.1',
    listenPort: 0,
    clusterKey,
    clock: context.clock,
    log: silentLog,
  })
  const lost = new Set(values.get('lost') ?? [])
  const { facts } = metadata
  const asked = await askAll(transport, facts.servers)
  const plan = planHistory({ clusterId: facts.clusterId, own: facts.epoch, ...asked, lost })
  const found = await Promise.all(asked.answered.map((one) => findUnknownRecords(transport, one, facts.ends)))
  const findings = { metadata, asked, plan, writes: writesOf(found) }
  await context.output.result(viewOf(findings), () => textOf(findings))
  if (!flags.has('yes') && !(await typesWord('begin', QUESTION, context))) {
    context.output.notice('Nothing was changed.')
    return EXIT.failed
  }
  requireUnchanged(asked.answered, (await askAll(transport, facts.servers)).answered)
  const epoch: Epoch = {
    counter: plan.counter,
    sequence: plan.sequence,
    nonce: context.random.bytes(NONCE_BYTES).toHex(),
  }
  // The servers first: from then on nobody obeys an old master, whatever becomes of this program.
  await announce(transport, asked.answered, { clusterId: facts.clusterId, epoch })
  const kept = await metadata.begin({
    epoch,
    givenUp: plan.givenUp.flatMap(({ id }) => id ?? []),
    nowWallMs: context.clock.wallMs(),
  })
  if (kept !== null) context.output.notice(`The files as they were: ${kept}`)
  context.output.notice(`A new history has begun. Start the master on ${directory}.`)
  return EXIT.ok
}

function viewOf({ metadata, asked, plan, writes }: Findings): unknown {
  return {
    clusterId: metadata.facts.clusterId,
    metadata: { ...metadata.facts.epoch, files: metadata.facts.files, log: metadata.log.kind },
    servers: asked.answered.map(({ server, testimony }) => {
      return { name: server.name, seenEpoch: testimony.seenEpoch, masterSilentMs: testimony.masterSilentMs }
    }),
    givenUpServers: plan.givenUp.map(({ name }) => name),
    missingTransactions: plan.missingTransactions,
    newHistory: { counter: plan.counter, sequence: plan.sequence },
    writes,
  }
}

function textOf({ metadata, asked, plan, writes }: Findings): string {
  const { facts, log } = metadata
  const { counter, sequence } = facts.epoch
  const rows = asked.answered.map(({ server, testimony }) => [
    printable(server.name),
    testimony.seenEpoch === null
      ? 'nothing'
      : `transaction ${testimony.seenEpoch.sequence} of start ${testimony.seenEpoch.counter}`,
    `${Math.floor(testimony.masterSilentMs / 1000)} s ago`,
  ])
  const lost = plan.givenUp.map(({ name }) => [printable(name), 'given up', ''])
  return [
    `The metadata here: transaction ${sequence} of start ${counter}, ${formatCount(facts.files, 'file')}; its log is ${LOG_STATES[log.kind]}.`,
    columns([['server', 'has seen', 'heard a master'], ...rows, ...lost]),
    missing(plan),
    ...writesText(writes),
    'Given up are also renames, deletes and new directories of those transactions, of which no record is kept, and what idempotency keys were answered in them.',
  ].join('\n')
}

const LOG_STATES = {
  empty: 'empty',
  whole: 'whole',
  torn: 'without its last transaction, which was not finished',
  damaged: 'damaged: what stands behind the damage is given up, unless it can be mended for certain',
} as const

const missing = ({ missingTransactions, newestSeen }: HistoryPlan): string =>
  newestSeen === null
    ? 'No server has seen more than that.'
    : missingTransactions === 0
      ? 'Servers have seen another start of the master, with transactions that are not in here.'
      : `At least ${formatCount(missingTransactions, 'transaction')} that servers have seen ${missingTransactions === 1 ? 'is' : 'are'} missing.`

function writesText(writes: readonly UnknownWrite[]): string[] {
  if (writes.length === 0) return ['No write was found in the volumes that the metadata does not know.']
  const shown = writes
    .slice(0, SHOWN_MAX)
    .map(({ path, size, copies }) => [
      `  ${printable(path)}`,
      formatBytes(size),
      formatCount(copies, 'copy', 'copies'),
    ])
  const more = writes.length > SHOWN_MAX ? [`  and ${writes.length - SHOWN_MAX} more; --json shows all`] : []
  return [
    `${formatCount(writes.length, 'write')} in the volumes that the metadata does not know (acknowledged, or given up before):`,
    columns(shown),
    ...more,
  ]
}
