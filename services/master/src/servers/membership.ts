/**
 * Joining, staying and orders: what the master answers to chunk servers about themselves and each other. Orders are not
 * remembered as sent: they follow from the state of the copies, and are repeated until a report shows that they were
 * carried out (R18).
 */
import { DiskError, type Log, type Runtime } from '@dfs/core'
import {
  type ClusterView,
  DfsError,
  type Epoch,
  FEATURE_LEVEL_UNSAID,
  formatId,
  type HeartbeatReply,
  type HeartbeatRequest,
  type RegisterReply,
  type RegisterRequest,
} from '@dfs/protocol'
import { type CopyChecks } from './copy-checks.ts'
import { type DamageReports } from './damage-reports.ts'
import {
  type KeptAside,
  type LookupStore,
  type ReportOutcome,
  type ServerStore,
  type StoreIdentity,
} from '../metadata/store.ts'
import { type RestoredBackup } from './restored-backup.ts'
import { type Sessions } from './sessions.ts'
import { type MasterSettings } from '../settings.ts'

export interface MembershipOptions {
  readonly runtime: Runtime
  readonly store: StoreIdentity & ServerStore & KeptAside & Pick<LookupStore, 'totals'>
  readonly sessions: Sessions
  readonly settings: MasterSettings
  readonly damages: DamageReports
  readonly checks: CopyChecks
  readonly backup: RestoredBackup
}

/** Copies that one log line names at most. */
const LOGGED_COPIES_MAX = 20

export class Membership {
  readonly #runtime: Runtime
  readonly #store: MembershipOptions['store']
  readonly #sessions: Sessions
  readonly #settings: MasterSettings
  readonly #damages: DamageReports
  readonly #checks: CopyChecks
  readonly #backup: RestoredBackup

  constructor({ runtime, store, sessions, settings, damages, checks, backup }: MembershipOptions) {
    this.#runtime = runtime
    this.#store = store
    this.#sessions = sessions
    this.#settings = settings
    this.#damages = damages
    this.#checks = checks
    this.#backup = backup
  }

  /** Throws WRONG_CLUSTER, STALE_INCARNATION, OUTDATED_PROGRAM, and STALE_EPOCH if the server has seen more than this database knows. */
  async register(request: RegisterRequest): Promise<RegisterReply> {
    const { clusterId } = this.#store
    if (request.clusterId !== null && request.clusterId !== clusterId) {
      throw new DfsError('WRONG_CLUSTER', `this is cluster ${clusterId}, the data is of ${request.clusterId}`)
    }
    await this.#requireSeen(request.name, request.seenEpoch)
    const { diskUid, name, incarnation, internalAddress, publicPort, advertisedUrl, zone } = request
    const { featureLevel = FEATURE_LEVEL_UNSAID } = request
    const who = { diskUid, name, incarnation, internalAddress, publicPort, advertisedUrl, zone, featureLevel }
    const known = this.#sessions.withDisk(diskUid)
    const isNews = known === undefined || this.#sessions.isNews(known.id, incarnation, request.number)
    const reports = isNews ? request.replicas : []
    const levelBefore = this.#store.featureLevel()
    const outcome = await this.#store
      .registerServer({ ...who, reports }, this.#runtime.clock.wallMs())
      .catch((error: unknown) => {
        throw request.featureLevel === undefined ? inOldWords(error) : error
      })
    this.#logLevel(levelBefore)
    const { server, isNewServer, isNewIncarnation } = outcome
    if (isNews)
      this.#sessions.begin({ id: server, ...who }, { ...request, unreachable: [], oldestDiskCallMs: 0 })
    this.#runtime.log.info({ server, name, incarnation, isNewServer, isNewIncarnation }, 'server registered')
    if (this.#sessions.hasEveryone) await this.#forgetTorn()
    logOutcome(this.#runtime.log, server, outcome)
    const reply = await this.#sessionReply(server)
    const { cluster, publicAddress } = this.#settings
    return { ...reply, clusterId, serverId: server, settings: cluster, master: publicAddress }
  }

  /** Throws UNKNOWN_SERVER, STALE_INCARNATION, STALE_EPOCH. */
  async heartbeat(request: HeartbeatRequest): Promise<HeartbeatReply> {
    const { serverId, incarnation, replicas } = request
    this.#backup.requireNoneFor(`server ${serverId}`)
    const isNews = this.#sessions.heartbeat(serverId, incarnation, request)
    if (isNews) this.#damages.noteChecked(serverId, request.checked)
    if (isNews && request.check !== null) this.#checks.note(serverId, incarnation, request.check)
    if (isNews && replicas.length > 0) {
      const from = { server: serverId, incarnation }
      const outcome = await this.#store.noteReports(from, replicas, this.#runtime.clock.wallMs())
      logOutcome(this.#runtime.log, serverId, outcome)
    }
    return this.#sessionReply(serverId)
  }

  async viewCluster(): Promise<ClusterView> {
    return {
      clusterId: this.#store.clusterId,
      epoch: this.#store.epoch(),
      settings: this.#settings.cluster,
      featureLevel: this.#store.featureLevel(),
      servers: this.#sessions.view(),
      preferred: this.#sessions.preferred(),
      totals: await this.#store.totals(),
      kept: this.#store.kept.map(({ prefix, reason }) => ({ reason, files: `${prefix}*` })),
    }
  }

  /** The one place that knows a restored backup for what it is, however long it has gone on since (R6). */
  async #requireSeen(name: string, seen: Epoch | null): Promise<void> {
    if (seen !== null && !(await this.#store.includes(seen)))
      this.#backup.refuse({ server: name, seen, own: this.#store.epoch(), torn: this.#tornPrefix() })
    this.#backup.requireNoneFor(name)
  }

  /** Where what was there of a transaction is kept that a start went on without. */
  #tornPrefix(): string | null {
    return this.#store.kept.findLast(({ reason }) => reason === 'torn')?.prefix ?? null
  }

  /** Nobody has seen what a start has forgotten (R6): a copy of it is of no use. */
  async #forgetTorn(): Promise<void> {
    try {
      await this.#store.forgetTorn()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#runtime.log.warn({ err: error }, 'the copy of a torn transaction cannot be removed yet')
    }
  }

  async #sessionReply(server: number): Promise<HeartbeatReply> {
    const orders = [...(await this.#store.pendingOrders(server)), ...this.#damages.ordersFor(server)]
    const servers = this.#sessions.view()
    return {
      epoch: this.#store.epoch(),
      servers,
      preferred: this.#sessions.preferred(),
      orders,
      check: this.#checks.wanted,
      featureLevel: this.#store.featureLevel(),
    }
  }

  #logLevel(before: number): void {
    const featureLevel = this.#store.featureLevel()
    if (featureLevel === before) return
    this.#runtime.log.info(
      { featureLevel, before },
      'every server reads this feature level: it is in use now',
    )
  }
}

/**
 * A program that is older than levels does not know their error either. This one it knows, and ends with the text, which says
 * what is the matter.
 */
function inOldWords(error: unknown): unknown {
  if (!(error instanceof DfsError) || error.code !== 'OUTDATED_PROGRAM') return error
  return new DfsError('WRONG_CLUSTER', `${error.detail}: start a newer program`, { cause: error })
}

/** Unknown copies are kept: a database that was restored, or a copy that came late, must not cost data (R7). */
function logOutcome(log: Log, server: number, { unknown, sealedVolumes }: ReportOutcome): void {
  if (sealedVolumes.length > 0) {
    const volumes = sealedVolumes.slice(0, LOGGED_COPIES_MAX).map(formatId)
    log.info({ server, count: sealedVolumes.length, volumes }, 'volumes sealed because of their server')
  }
  if (unknown.length > 0) {
    const copies = unknown.slice(0, LOGGED_COPIES_MAX).map((report) => {
      return { ...report, volume: formatId(report.volume) }
    })
    log.warn({ server, count: unknown.length, copies }, 'unknown copies reported; they are kept')
  }
}
