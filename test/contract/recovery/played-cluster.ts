/**
 * A cluster that has lost its master, in one process: the metadata is a real store's, and chunk servers are played over real sockets,
 * with what a test says that they have seen and have.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { PassThrough, Readable } from 'node:stream'
import { runProgram } from '@dfs/cli'
import { silentLog } from '@dfs/core'
import { seededRandom } from '@dfs/core/testing'
import { openSqliteStore, type SqliteStore } from '@dfs/master'
import { encodeSnapshotEnd, encodeSnapshotPiece } from '@dfs/metadata-copy'
import { crc32, NodeClock, NodeTransport, zstd } from '@dfs/node-runtime'
import {
  beginHistory,
  type Epoch,
  FEATURE_LEVEL,
  findRecords,
  type FoundRecord,
  type HeldCopy,
  listHeldCopies,
  MASTER_SILENT_MS,
  type MetadataCopyState,
  methodHandler,
  readMetadataCopy,
  serveMethod,
  testify,
  viewMetadataCopy,
} from '@dfs/protocol'

export const NOW = 1_700_000_000_000
const KEY = Uint8Array.from({ length: 32 }, (_, index) => 7 * index + 3)
const clock = new NodeClock()

/** What a played server has, and what it was told. */
export interface Played {
  readonly name: string
  readonly diskUid: string
  readonly address: string
  seen: Epoch | null
  clusterId: string | null
  masterSilentMs: number
  serverId: number | null
  copies: HeldCopy[]
  records: FoundRecord[]
  /** Frames of its copy of the metadata. */
  frames: readonly Uint8Array[]
  copyState: Partial<MetadataCopyState>
  /** Whether it can name the others: a master tells it at each start. */
  knowsOthers: boolean
  /** Called before each answer to what it has seen. */
  beforeTestimony: () => void
  readonly told: Epoch[]
}

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export class PlayedCluster implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'dfs-recovery-'))
  readonly servers: Played[] = []
  readonly #transports: NodeTransport[] = []
  #programs = 0

  /** With the metadata of a master that has ended, and `count` servers that it knows and that have seen all of it. */
  static async make(count = 3): Promise<PlayedCluster> {
    const cluster = new PlayedCluster()
    writeFileSync(cluster.at('cluster.key'), `${Buffer.from(KEY).toString('hex')}\n`, { mode: 0o600 })
    for (let index = 0; index < count; index += 1) await cluster.play(index)
    const store = await cluster.openStore('lost')
    for (const [index, played] of cluster.servers.entries()) {
      const { name, diskUid, address: internalAddress } = played
      const place = { internalAddress, publicPort: 7071 + index, advertisedUrl: null, zone: name }
      const who = { name, diskUid, incarnation: 5, featureLevel: FEATURE_LEVEL, ...place }
      const { server } = await store.registerServer(who, NOW)
      played.serverId = server
      played.clusterId = store.clusterId
    }
    await store.close()
    cluster.seeAll()
    return cluster
  }

  at(name: string): string {
    return join(this.directory, name)
  }

  /** The database of the master that is lost. */
  get database(): string {
    return this.at('lost/metadata.db')
  }

  openStore(name: string, seed = 1): Promise<SqliteStore> {
    const random = seededRandom(seed)
    return openSqliteStore({ directory: this.at(name), random, log: silentLog, clock })
  }

  /** Changes the lost metadata, and has all servers see it. */
  async change(work: (store: SqliteStore) => Promise<void>): Promise<void> {
    this.#programs += 1
    const store = await this.openStore('lost', 100 + this.#programs)
    await work(store)
    const epoch = store.epoch()
    await store.close()
    for (const played of this.servers) played.seen = epoch
  }

  backup(name = 'backup.db'): string {
    copyFileSync(this.database, this.at(name))
    return this.at(name)
  }

  /** Every server holds a copy of the metadata as it is now. */
  async shareCopies(): Promise<void> {
    const database = new DatabaseSync(this.database)
    const position = {
      ...database.prepare('SELECT epoch AS counter, nonce, sequence FROM state').get(),
    } as unknown as Epoch
    const schema = Number(database.prepare('PRAGMA user_version').get()!['user_version'])
    database.close()
    const bytes = readFileSync(this.database)
    const origin = { clusterId: this.servers[0]!.clusterId!, schema, position, fileBytes: bytes.byteLength }
    const codec = { crc32, compression: zstd }
    const frames = [
      await encodeSnapshotPiece({ ...origin, offset: 0, raw: bytes }, codec),
      await encodeSnapshotEnd(origin, codec),
    ]
    for (const played of this.servers) {
      played.frames = frames
      played.copyState = { snapshot: position, position, end: position }
    }
  }

  /** `dfs recover`, with the answer that a person types; without one nobody can be asked. */
  async recover(args: readonly string[], typed: string | null = null): Promise<Ended> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()]
    const stdin = Object.assign(typed === null ? Readable.from([]) : Readable.from([`${typed}\n`]), {
      isTTY: typed !== null,
    })
    this.#programs += 1
    const ended = runProgram({
      argv: ['recover', ...args],
      defaultUrl: undefined,
      clusterKeyFile: undefined,
      version: '0',
      clock,
      random: seededRandom(this.#programs),
      signal: new AbortController().signal,
      stdin,
      stdout,
      stderr,
    })
    void ended.finally(() => {
      stdout.end()
      stderr.end()
    })
    const [out, err] = await Promise.all([Array.fromAsync(stdout), Array.fromAsync(stderr)])
    const text = (pieces: readonly Buffer[]): string => Buffer.concat(pieces).toString()
    return { code: await ended, stdout: text(out), stderr: text(err) }
  }

  /** The server answers nobody any more. */
  async silence(index: number): Promise<void> {
    await this.#transports[index]![Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const transport of this.#transports) await transport[Symbol.asyncDispose]()
    rmSync(this.directory, { recursive: true })
  }

  /** One more server, which the metadata does not know. */
  async play(index: number): Promise<Played> {
    const transport = new NodeTransport({
      listenHost: '127.0.0.1',
      listenPort: 0,
      clusterKey: KEY,
      clock,
      log: silentLog,
    })
    this.#transports.push(transport)
    const methods = this.#methods(() => played)
    await transport.serve(
      methodHandler(methods),
      methods.map(({ route }) => route),
    )
    const played: Played = {
      name: `chunk-server-${index + 1}`,
      diskUid: (index + 1).toString(16).padStart(32, '0'),
      address: transport.address(),
      seen: null,
      clusterId: this.servers[0]?.clusterId ?? null,
      masterSilentMs: MASTER_SILENT_MS,
      serverId: null,
      copies: [],
      records: [],
      frames: [],
      copyState: {},
      knowsOthers: true,
      beforeTestimony: () => {},
      told: [],
    }
    this.servers.push(played)
    return played
  }

  seeAll(): void {
    const [known] = this.servers
    if (known === undefined) return
    for (const played of this.servers) played.seen ??= { counter: 1, nonce: '0'.repeat(16), sequence: 1 }
  }

  #methods(of: () => Played) {
    return [
      serveMethod(testify, async () => {
        const played = of()
        played.beforeTestimony()
        const { name, diskUid, clusterId, seen: seenEpoch, masterSilentMs, serverId } = played
        return {
          name,
          diskUid,
          clusterId,
          seenEpoch,
          masterSilentMs,
          ...(serverId === null ? {} : { server: { id: serverId, incarnation: 5 } }),
          servers: this.servers.flatMap(({ serverId: id, name: other, address }) =>
            id === null || !played.knowsOthers ? [] : [{ id, name: other, internalAddress: address }],
          ),
        }
      }),
      serveMethod(viewMetadataCopy, async () => ({
        clusterId: of().clusterId,
        state: { ...NOTHING, ...of().copyState },
      })),
      serveMethod(readMetadataCopy, async ({ from }) => {
        const all = Buffer.concat(of().frames)
        return { frames: from >= all.byteLength ? [] : [all.subarray(from)] }
      }),
      serveMethod(listHeldCopies, async () => ({ copies: of().copies, next: null })),
      serveMethod(findRecords, async ({ ends, recordsMax = Infinity }) => {
        const endOf = new Map(ends.map(({ volume, end }) => [volume, end]))
        const records = of().records.filter(({ volume, offset }) => offset >= (endOf.get(volume) ?? Infinity))
        return { records: records.slice(0, recordsMax), next: null }
      }),
      serveMethod(beginHistory, async ({ epoch }) => {
        of().told.push(epoch)
        of().seen = epoch
        return {}
      }),
    ]
  }
}

const NOTHING: MetadataCopyState = {
  snapshot: null,
  position: null,
  incoming: null,
  end: null,
  snapshotBytes: 0,
  changesBytes: 0,
  damage: null,
}
