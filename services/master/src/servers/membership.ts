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
  MESSAGES,
  type Order,
  ORDERS_PER_REPLY_MAX,
  type RegisterReply,
  type RegisterRequest,
  type ReportCopiesRequest,
} from '@dfs/protocol'
import { type CopyChecks } from './copy-checks.ts'
import { type CopyJobs } from './copy-jobs.ts'
import { type DamageReports } from './damage-reports.ts'
import {
  type Placement,
  type RegisteredServer,
  type Registration,
  type ServerStore,
} from '../metadata/cluster-store.ts'
import {
  type KeptAside,
  type LookupStore,
  type Recovering,
  type Repairing,
  type StoreIdentity,
} from '../metadata/store.ts'
import { type RestoredBackup } from './restored-backup.ts'
import { type Beginning } from './roll.ts'
import { viewOfCopies } from '../domain/shipping/copies-facts.ts'
import { HOLDERS_WANTED } from '../domain/shipping/quorum.ts'
import { type Sessions } from './sessions.ts'
import { type MasterSettings } from '../settings.ts'
import { type Shipping } from '../shipping/shipping.ts'
import { StagedReports } from './staged-reports.ts'
import { type TakenIn, TakingIn, type Tally } from './taking-in.ts'

export interface MembershipOptions {
  readonly runtime: Runtime
  readonly store: StoreIdentity &
    ServerStore &
    KeptAside &
    Repairing &
    Recovering &
    Pick<LookupStore, 'totals'>
  readonly sessions: Sessions
  readonly settings: MasterSettings
  readonly damages: DamageReports
  readonly checks: CopyChecks
  readonly backup: RestoredBackup
  readonly jobs: CopyJobs
  readonly copies: Pick<Shipping, 'facts'>
}

/** Volumes that one log line names at most. */
const LOGGED_VOLUMES_MAX = 20
/** Orders to check in one reply: the others have room as well. */
const CHECKS_PER_REPLY_MAX = 16
/** Orders to copy in one reply: more than a server has, unless it was slow to drop some. */
const COPIES_PER_REPLY_MAX = 8

export class Membership {
  readonly #runtime: Runtime
  readonly #store: MembershipOptions['store']
  readonly #sessions: Sessions
  readonly #settings: MasterSettings
  readonly #damages: DamageReports
  readonly #checks: CopyChecks
  readonly #backup: RestoredBackup
  readonly #jobs: CopyJobs
  readonly #copies: MembershipOptions['copies']
  readonly #staged: StagedReports
  readonly #takingIn: TakingIn

  constructor(options: MembershipOptions) {
    const { runtime, store, sessions, settings, damages, checks, backup, jobs, copies } = options
    this.#runtime = runtime
    this.#store = store
    this.#sessions = sessions
    this.#settings = settings
    this.#damages = damages
    this.#checks = checks
    this.#backup = backup
    this.#jobs = jobs
    this.#copies = copies
    this.#staged = new StagedReports(runtime.clock)
    this.#takingIn = new TakingIn({ clock: runtime.clock, store })
  }

  /** A page of what a server is about to register with. Throws UNAVAILABLE, STALE_INCARNATION. */
  async stage(page: ReportCopiesRequest): Promise<number> {
    return this.#staged.take(page)
  }

  /**
   * Throws WRONG_CLUSTER, STALE_INCARNATION, OUTDATED_PROGRAM, STALE_EPOCH if the server has seen more than this database knows,
   * and UNAVAILABLE if not all of its pages are here, or another process runs with its disk.
   */
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
    if (known !== undefined) this.#requireAlone({ ...known, ...who }, known.internalAddress)
    const isNews = known === undefined || this.#sessions.isNews(known.id, incarnation, request.number)
    const server = isNews ? await this.#takeIn(who, request) : known.id
    const reply = await this.#sessionReply(server)
    const { cluster, publicAddress } = this.#settings
    return { ...reply, clusterId, serverId: server, settings: cluster, master: publicAddress }
  }

  /** Throws UNAVAILABLE if its disk is in use elsewhere. */
  #requireAlone(server: RegisteredServer, there: string): void {
    if (!this.#sessions.isElsewhere(server)) return
    const { id, name, internalAddress: address } = server
    if (this.#sessions.noteRefused(server))
      this.#runtime.log.warn(
        { server: id, name, there, address },
        'a process elsewhere has the same disk: it waits',
      )
    const text = `${name} runs at ${there} with the same disk: this one waits until that one has ended`
    throw new DfsError('UNAVAILABLE', text)
  }

  /** The server's id. */
  async #takeIn(who: Registration, request: RegisterRequest): Promise<number> {
    const { name, incarnation } = who
    const { number, replicas, staged = 0 } = request
    const reports = [...(staged > 0 ? this.#staged.claim(request, staged) : []), ...replicas]
    const levelBefore = this.#store.featureLevel()
    const outcome = await this.#takingIn.register(who, number, reports).catch((error: unknown) => {
      throw request.featureLevel === undefined ? inOldWords(error) : error
    })
    this.#logLevel(levelBefore)
    const { server, isNewServer, isNewIncarnation } = outcome
    const begun = this.#sessions.begin(
      { id: server, ...who, mode: 'active', isGivenUp: false },
      { ...request, unreachable: [], oldestDiskCallMs: 0 },
    )
    this.#runtime.log.info({ server, name, incarnation, isNewServer, isNewIncarnation }, 'server registered')
    this.#logOthers({ server, name, address: who.internalAddress }, begun)
    await this.noteAttendance()
    logOutcome(this.#runtime.log, server, outcome)
    return server
  }

  #logOthers(here: Readonly<Record<string, unknown>>, { superseded, sharing }: Beginning): void {
    const { log } = this.#runtime
    if (superseded.length > 0)
      log.warn({ ...here, superseded }, 'another disk is at the address of a server: that one is gone')
    if (sharing.length > 0)
      log.error({ ...here, sharing }, 'servers say that they are at one internal address: give each its own')
  }

  /** Throws UNKNOWN_SERVER, STALE_INCARNATION, STALE_EPOCH. */
  async heartbeat(request: HeartbeatRequest): Promise<HeartbeatReply> {
    const { serverId, incarnation } = request
    this.#backup.requireNoneFor(`server ${serverId}`)
    const isNews = this.#sessions.heartbeat(serverId, incarnation, request)
    if (isNews) this.#damages.noteChecked(serverId, request.checked)
    if (isNews && request.check !== null) this.#checks.note(serverId, incarnation, request.check)
    if (isNews) await this.#noteNews({ server: serverId, incarnation }, request)
    return this.#sessionReply(serverId)
  }

  async #noteNews(
    from: Placement,
    { number, replicas, dropped = [], jobs = [] }: HeartbeatRequest,
  ): Promise<void> {
    const { server, incarnation } = from
    this.#jobs.note(server, jobs)
    if (dropped.length > 0) await this.#takingIn.dropped(from, dropped)
    if (replicas.length === 0) return
    const isLast = (): boolean => this.#sessions.isLast(server, incarnation, number)
    const reports = replicas.map((report) => this.#jobs.completed(server, report))
    logOutcome(this.#runtime.log, server, await this.#takingIn.note(from, reports, isLast))
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
      metadataCopies: viewOfCopies(this.#copies.facts(), HOLDERS_WANTED),
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

  /** Where all are here nobody has seen what a start has forgotten (R6): a copy of it is of no use. To be called when one has come, or is not waited for any more. */
  async noteAttendance(): Promise<void> {
    if (!this.#sessions.attendance.hasEveryone) return
    try {
      await this.#store.forgetTorn()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#runtime.log.warn({ err: error }, 'the copy of a torn transaction cannot be removed yet')
    }
  }

  async #sessionReply(server: number): Promise<HeartbeatReply> {
    const orders = await this.#ordersFor(server)
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

  /** The most urgent first; the room of what there is little of is the others'. */
  async #ordersFor(server: number): Promise<Order[]> {
    const checks = this.#damages.ordersFor(server, CHECKS_PER_REPLY_MAX)
    const knowsDrop = this.#sessions.featureLevelOf(server) >= MESSAGES.dropOrder
    const mayDrop = knowsDrop && this.#store.recovering.mayDelete()
    const others = await this.#store.orders(server, ORDERS_PER_REPLY_MAX - checks.length, mayDrop)
    const [seals, drops] = [others.filter(isSeal), others.filter((order) => !isSeal(order))]
    const orders = [...seals, ...checks, ...drops]
    if (this.#sessions.featureLevelOf(server) < MESSAGES.copyOrder) return orders
    const copies = await this.#store.repairing.copyOrders(
      server,
      COPIES_PER_REPLY_MAX,
      this.#sessions.there(),
    )
    return [...orders.slice(0, ORDERS_PER_REPLY_MAX - copies.length), ...copies]
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

const isSeal = ({ kind }: Order): boolean => kind === 'seal'

/** Unknown copies are kept: a database that was restored, or a copy that came late, must not cost data (R7). */
function logOutcome(log: Log, server: number, { unknown, strays, sealedVolumes }: TakenIn): void {
  if (sealedVolumes.length > 0) {
    const volumes = sealedVolumes.slice(0, LOGGED_VOLUMES_MAX).map(formatId)
    log.info({ server, count: sealedVolumes.length, volumes }, 'volumes sealed because of their server')
  }
  if (unknown.count > 0) log.warn({ server, ...shown(unknown) }, 'unknown copies reported; they are kept')
  if (strays.count > 0)
    log.info({ server, ...shown(strays) }, 'copies of deleted volumes turned up; they are dropped')
}

const shown = ({ count, first }: Tally): { count: number; copies: object[] } => ({
  count,
  copies: first.map((report) => ({ ...report, volume: formatId(report.volume) })),
})
