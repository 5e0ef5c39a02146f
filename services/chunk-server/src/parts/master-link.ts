/** How this server and the master speak: the session, the channels for commits and look-ups, and what is reported besides. */
import { type Deadlines, type Runtime } from '@dfs/core'
import { commits as commitsMethod, lookups as lookupsMethod } from '@dfs/protocol'
import { type BatchFigures } from '../batch-figures.ts'
import { CommitChannel } from '../master/commit-channel.ts'
import { DamageReporter } from '../master/damage-reporter.ts'
import { LookupChannel } from '../master/lookup-channel.ts'
import { MasterSession, type MasterSessionDeps } from '../master/master-session.ts'
import { OrderInbox } from '../master/order-inbox.ts'
import { ServerDirectory } from '../master/server-directory.ts'
import { FullCheck } from '../workers/full-check.ts'
import { type Storage } from './storage.ts'

export type MasterLinkOptions = Pick<
  MasterSessionDeps,
  'masterAddress' | 'addresses' | 'tuning' | 'onFatal'
> & {
  readonly deadlines: Deadlines
  readonly figures: BatchFigures
}

export interface MasterLink {
  readonly directory: ServerDirectory
  readonly session: MasterSession
  readonly orders: OrderInbox
  readonly commits: CommitChannel
  readonly lookups: LookupChannel
  readonly damages: DamageReporter
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
  const session = new MasterSession({ ...options, ...storage, runtime, directory, orders, fullCheck })
  orders.emptied.add(() => session.nudge())
  storage.spaceChanged.add(() => session.nudge())
  const damages = new DamageReporter({ clock, log, session })
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
  return { directory, session, orders, commits, lookups, damages, fullCheck }
}
