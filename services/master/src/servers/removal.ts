/**
 * Names a server as gone for good, because a person says so: the master cannot know. It can be done while most servers are missing, since
 * it is how one ends that. What it alone may have is named first, and given up only if that is accepted.
 */
import { formatAmount, formatBytes, formatNames, type Log, type Runtime, type SpaceWatch } from '@dfs/core'
import {
  DfsError,
  REMOVAL_PATHS_MAX,
  type RemovalRequest,
  type RemovalView,
  type WeakFiles,
  type WhichServer,
} from '@dfs/protocol'
import { anyServer, goneServer, type NamedServer, requireGone } from '../domain/which-server.ts'
import { type ServerStore } from '../metadata/cluster-store.ts'
import { type CopyView } from '../metadata/copy-store.ts'
import { type OnlyThere } from '../metadata/removal-store.ts'
import { type Removing } from '../metadata/store.ts'
import { type MasterSettings } from '../settings.ts'
import { type Membership } from './membership.ts'
import { type Sessions } from './sessions.ts'

export interface RemovalDeps {
  readonly runtime: Pick<Runtime, 'clock' | 'log'>
  readonly store: Removing & Pick<ServerStore, 'serverNames'>
  readonly sessions: Sessions
  readonly settings: Pick<MasterSettings, 'cluster' | 'liveness'>
  readonly space: Pick<SpaceWatch, 'isFull'>
  readonly membership: Pick<Membership, 'noteAttendance'>
}

/** Some milliseconds. */
const VOLUMES_PER_TURN = 2000
/** Pages that are looked at for the first paths: the list of all of them is another question. */
const PAGES_MAX = 20

/** A server, and what would be given up with it. */
interface Loss extends OnlyThere {
  readonly paths: readonly string[]
}

export class Removal {
  readonly #deps: RemovalDeps
  readonly #log: Log

  constructor(deps: RemovalDeps) {
    this.#deps = deps
    this.#log = deps.runtime.log
  }

  /** Throws SERVER_NOT_FOUND, SERVER_ALIVE, WOULD_LOSE_FILES, INVALID_REQUEST, INSUFFICIENT_SPACE. */
  async remove({ server: which, acceptLoss }: RemovalRequest): Promise<RemovalView> {
    const server = await this.#find(which)
    const { id, name } = server
    if (server.isRemoved) return { id, name, wasRemoved: true, files: 0, bytes: 0, paths: [] }
    const loss = await this.#lossOf(id)
    if (loss.files > 0 && !acceptLoss) throw new DfsError('WOULD_LOSE_FILES', textOf(server, loss))
    const isNews = await this.#carryOut(id)
    const { files, bytes } = loss
    this.#log.warn(
      { server: id, name, files, bytes, isNews, paths: loss.paths },
      'a server is removed: it is gone for good',
    )
    return { id, name, wasRemoved: !isNews, files, bytes, paths: [...loss.paths] }
  }

  /** A page of the files that a server alone may have; `total` is counted anew for each. Throws SERVER_NOT_FOUND, INVALID_REQUEST. */
  async filesOnlyThere(
    which: WhichServer,
    page: { readonly after: string | null; readonly filesMax: number },
  ): Promise<WeakFiles> {
    const { id } = await this.#findAny(which)
    const { files: total } = await this.#count(id)
    const listed = await this.#deps.store.removing.filesOnlyThere(id, page, this.#view())
    return { ...listed, total }
  }

  /** Who was found gone may have come back meanwhile: the last look, and what the store is asked, are in one turn. */
  async #carryOut(id: number): Promise<boolean> {
    const { store, sessions, settings, runtime, space, membership } = this.#deps
    const known = sessions.get(id)
    if (known === undefined) return false
    if (space.isFull) throw new DfsError('INSUFFICIENT_SPACE', 'the disk of the master is full')
    requireGone(this.#described(id, known.name), settings.liveness.deadAfterMs)
    const from = { server: id, incarnation: known.incarnation }
    const isNews = await store.removing.remove(from, runtime.clock.wallMs())
    sessions.remove(id)
    await membership.noteAttendance()
    return isNews
  }

  async #find(which: WhichServer): Promise<NamedServer> {
    return goneServer(which, await this.#servers(), this.#deps.settings.liveness.deadAfterMs)
  }

  /** Whether it is gone or not. */
  async #findAny(which: WhichServer): Promise<NamedServer> {
    return anyServer(which, await this.#servers(), this.#deps.settings.liveness.deadAfterMs)
  }

  async #servers(): Promise<NamedServer[]> {
    const names = await this.#deps.store.serverNames()
    return Array.from(names, ([id, name]) => this.#described(id, name))
  }

  /** One that is not on the roll was removed, and nothing names it. */
  #described(id: number, name: string): NamedServer {
    const { sessions, runtime } = this.#deps
    const mode = sessions.get(id)?.mode ?? 'removed'
    const heardAtMs = sessions.sessions.get(id)?.heardAtMs
    const silentForMs = runtime.clock.monotonicMs() - (heardAtMs ?? sessions.startedAtMs)
    return { id, name, isRemoved: mode === 'removed', silentForMs, isHeard: heardAtMs !== undefined }
  }

  async #lossOf(server: number): Promise<Loss> {
    const { files, bytes } = await this.#count(server)
    return { files, bytes, paths: files === 0 ? [] : await this.#firstPaths(server) }
  }

  async #count(server: number): Promise<OnlyThere> {
    const { store, runtime } = this.#deps
    const counting = store.removing.countOnlyThere(server, this.#view())
    for (;;) {
      const counted = await counting.step(VOLUMES_PER_TURN)
      if (counted !== null) return counted
      await runtime.clock.turn()
    }
  }

  /** As far as they are found soon. Those of earlier versions and of deleted files have none. */
  async #firstPaths(server: number): Promise<string[]> {
    const { store, runtime } = this.#deps
    const paths: string[] = []
    let after: string | null = null
    for (let pages = 0; pages < PAGES_MAX && paths.length < REMOVAL_PATHS_MAX; pages += 1) {
      const page = { after, filesMax: REMOVAL_PATHS_MAX - paths.length }
      const { files, next }: Omit<WeakFiles, 'total'> = await store.removing.filesOnlyThere(
        server,
        page,
        this.#view(),
      )
      paths.push(...files.map(({ path }) => path))
      if (next === null) break
      after = next
      await runtime.clock.turn()
    }
    return paths
  }

  #view(): CopyView {
    const { sessions, settings } = this.#deps
    return { servers: sessions.seen(), wanted: settings.cluster.replicas }
  }
}

function textOf({ name, id }: NamedServer, { files, bytes, paths }: Loss): string {
  const amount = `${formatAmount(files, 'file')} (${formatBytes(bytes)})`
  const first = paths.length === 0 ? '' : `: ${formatNames([...paths], REMOVAL_PATHS_MAX)}`
  const rest = files > paths.length && paths.length > 0 ? ` and ${files - paths.length} more` : ''
  return `nobody else is known to have a good copy of ${amount}${first}${rest}. \`dfs why --only-on ${name} --id ${id}\` lists them`
}
