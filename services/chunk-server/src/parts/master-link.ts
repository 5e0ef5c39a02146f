/** How this server and the master speak: the session, the channels for commits and look-ups, and what is reported besides. */
import { type Deadlines, type Runtime } from '@dfs/core'
import { commits as commitsMethod, lookups as lookupsMethod } from '@dfs/protocol'
import { type BatchFigures } from '../batch-figures.ts'
import { CopyFigures } from '../copying/copy-figures.ts'
import { CopyJobs } from '../copying/copy-jobs.ts'
import { readRemotely } from '../copying/source-stream.ts'
import { CommitChannel } from '../master/commit-channel.ts'
import { DamageReporter } from '../master/damage-reporter.ts'
import { LookupChannel } from '../master/lookup-channel.ts'
import { MasterSession, type MasterSessionDeps } from '../master/master-session.ts'
import { OrderInbox } from '../master/order-inbox.ts'
import { ServerDirectory } from '../master/server-directory.ts'
import { type Tuning } from '../tuning.ts'
import { FullCheck } from '../workers/full-check.ts'
import { type Storage } from './storage.ts'

export type MasterLinkOptions = Pick<
  MasterSessionDeps,
  'masterAddress' | 'addresses' | 'tuning' | 'onFatal'
> & {
  readonly deadlines: Deadlines
  readonly figures: BatchFigures
  readonly copyFigures: CopyFigures
}

export interface MasterLink {
  readonly directory: ServerDirectory
  readonly session: MasterSession
  readonly orders: OrderInbox
  readonly commits: CommitChannel
  readonly lookups: LookupChannel
  readonly damages: DamageReporter
  /** The copies that are made here. */
  readonly copyJobs: CopyJobs
  /** A worker like others, but what it is to do and has found is the master's to say and to hear. */
  readonly fullCheck: FullCheck
}

/** Nothing is said yet when it returns; the session is started last. */
export function linkToMaster(runtime: Runtime, storage: Storage, options: MasterLinkOptions): MasterLink {
  const { clock, random, log } = runtime
  const { identity, witness, store } = storage
  const { tuning, deadlines, figures } = options
  const directory = new ServerDirectory(clock)
  const fullCheck = new FullCheck({ clock, log, store })
  const orders = new OrderInbox()
  const session = new MasterSession({
    ...options,
    ...storage,
    runtime,
    directory,
    orders,
    fullCheck,
    copyJobs: { views: () => copyJobs.views() },
  })
  orders.emptied.add(() => session.nudge())
  storage.spaceChanged.add(() => session.nudge())
  const damages = new DamageReporter({ clock, log, session })
  const copyJobs = jobsOf(runtime, storage, {
    directory,
    orders,
    damages,
    tuning,
    figures: options.copyFigures,
  })
  copyJobs.ended.add(() => session.nudge())
  // The master must seal an open copy before it can be mended.
  fullCheck.openDamage.add(({ state }, { at, end }) => {
    const { volume } = state.order
    damages.report({ volume, server: identity.serverId, offset: at, recordSize: end - at })
  })
  const commits = new CommitChannel({
    clock,
    deadlines,
    random: random.fork('commits'),
    tuning,
    figures,
    sender: () => ({ server: identity.serverId, incarnation: identity.incarnation }),
    send: async (request, callOptions) => {
      const reply = await session.callCurrent(commitsMethod, request, callOptions)
      witness.noteAcknowledged()
      return reply
    },
  })
  const lookups = new LookupChannel({
    clock,
    deadlines,
    random: random.fork('lookups'),
    tuning,
    figures,
    send: (requests, callOptions) => session.callCurrent(lookupsMethod, requests, callOptions),
  })
  return { directory, session, orders, commits, lookups, damages, copyJobs, fullCheck }
}

interface JobsLink extends Pick<MasterLink, 'directory' | 'orders' | 'damages'> {
  readonly tuning: Tuning
  readonly figures: CopyFigures
}

function jobsOf(
  { clock, random, log, transport }: Runtime,
  { identity, store, clientLoad }: Storage,
  { directory, orders, damages, tuning, figures }: JobsLink,
): CopyJobs {
  const { copyPieceBytes, copyPiecesAhead, copyTimeoutMs, copySyncBytes } = tuning
  return new CopyJobs({
    clock,
    random: random.fork('copies'),
    log,
    store,
    directory,
    orders,
    self: () => identity.serverId,
    read: readRemotely(transport, directory, copyTimeoutMs),
    pieceBytes: copyPieceBytes,
    piecesAhead: copyPiecesAhead,
    // A sync of many megabytes is what a small write would wait for.
    syncBytes: () => (clientLoad.level === 'none' ? copySyncBytes : Math.min(copyPieceBytes, copySyncBytes)),
    onCopied: (bytes) => figures.noteCopied(bytes),
    onDamage: (damage) => {
      figures.damagedRecords += 1
      damages.report(damage)
    },
  })
}
