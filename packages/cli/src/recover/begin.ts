/** The course of `dfs recover`: where the metadata comes from, what servers say, consent, and the new history. */
import { dirname, join } from 'node:path'
import { silentLog } from '@dfs/core'
import { NodeTransport, readClusterKey } from '@dfs/node-runtime'
import { type Epoch } from '@dfs/protocol'
import { type Arguments, type Context } from '../command.ts'
import { EXIT, UsageError } from '../exit-codes.ts'
import { typesWord } from '../local/consent.ts'
import { FreshDirectory, openBackup } from '../local/fresh-metadata.ts'
import { MetadataAtRest } from '../local/metadata-at-rest.ts'
import { type NewHistory } from '../local/new-history.ts'
import { type Recoverable } from '../local/recoverable.ts'
import { findLost } from './find-lost.ts'
import { planHistory, requireNoNewer, requireUnchanged } from './history.ts'
import { newerCopy } from './metadata-copies.ts'
import { openNewestCopy } from './newest-copy.ts'
import { textOf, viewOf } from './report.ts'
import { announce, askAll, namedServer } from './servers.ts'

const NONCE_BYTES = 8
const QUESTION = 'Type "begin" to give this up and begin a new history: '

export async function beginHistory(
  context: Context,
  { operands, values, flags }: Arguments,
): Promise<number> {
  const [directory] = operands as [string]
  const keyFile =
    values.get('key')?.at(-1) ?? context.clusterKeyFile ?? join(dirname(directory), 'cluster.key')
  const clusterKey = await readClusterKey(keyFile)
  await using transport = new NodeTransport({
    listenHost: '127.0.0.1',
    listenPort: 0,
    clusterKey,
    clock: context.clock,
    log: silentLog,
  })
  await using held = new AsyncDisposableStack()
  const source = { directory, named: (values.get('server') ?? []).map(namedServer), values }
  const metadata = await openSource(context, transport, source, held)
  const { facts } = metadata
  const ask = (): ReturnType<typeof askAll> => askAll(transport, facts.servers, source.named)
  const asked = await ask()
  const lostServers = new Set(values.get('lost') ?? [])
  const plan = planHistory({ clusterId: facts.clusterId, own: facts.epoch, ...asked, lost: lostServers })
  if (values.has('backup')) requireNoNewer(facts.epoch, asked.answered)
  context.output.notice('The servers are asked for what the metadata does not know.')
  const { answered } = asked
  const lost = await findLost(transport, metadata, { answered, isRelinked: flags.has('relink') })
  const isFromCopies = values.has('server') && !values.has('backup')
  const newer = isFromCopies ? null : await newerCopy(transport, answered, facts)
  const findings = { metadata, asked, plan, lost, newer }
  await context.output.result(viewOf(findings), () => textOf(findings))
  if (!flags.has('yes') && !(await typesWord('begin', QUESTION, context))) {
    context.output.notice('Nothing was changed.')
    return EXIT.failed
  }
  requireUnchanged(answered, (await ask()).answered)
  const epoch: Epoch = {
    counter: plan.counter,
    sequence: plan.sequence,
    nonce: context.random.bytes(NONCE_BYTES).toHex(),
  }
  const history: NewHistory = {
    epoch,
    givenUp: plan.givenUp.flatMap(({ id }) => id ?? []),
    nowWallMs: context.clock.wallMs(),
    copyAt: facts.epoch,
    seen: plan.newestSeen ?? facts.epoch,
    salvage: lost.salvage,
  }
  metadata.prepare(history)
  // The servers first: from then on nobody obeys an old master, whatever becomes of this program.
  await announce(transport, answered, { clusterId: facts.clusterId, epoch })
  const kept = await metadata.complete(history)
  if (kept !== null) context.output.notice(`The files as they were: ${kept}`)
  context.output.notice(
    `A new history has begun. Start the master on ${directory}; what became of each write says \`dfs recover --report\`, and nothing is deleted before \`dfs recover --confirm\`.`,
  )
  return EXIT.ok
}

interface Source {
  readonly directory: string
  readonly named: readonly ReturnType<typeof namedServer>[]
  readonly values: Arguments['values']
}

/** What is opened is closed with `held`, and so goes whatever was made for it. */
async function openSource(
  context: Context,
  transport: NodeTransport,
  { directory, named, values }: Source,
  held: AsyncDisposableStack,
): Promise<Recoverable> {
  const [backup, from] = [values.get('backup')?.at(-1), values.get('from')?.at(-1) ?? null]
  if (from !== null && (backup !== undefined || named.length === 0))
    throw new UsageError('--from goes with --server: it says whose copy of the metadata is to be taken')
  if (backup === undefined && named.length === 0) return held.use(await MetadataAtRest.open(directory))
  const fresh = held.use(FreshDirectory.open(directory))
  if (backup !== undefined) return held.use(openBackup(fresh, backup))
  const say = (text: string): void => context.output.notice(text)
  return held.use(await openNewestCopy(transport, { named, from, directory: fresh, say }))
}
