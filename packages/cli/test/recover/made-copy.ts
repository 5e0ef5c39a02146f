/** Copies of a small database as a master ships them, and servers that hold them; what is wrong with one is up to the test. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Transport, TransportError } from '@dfs/core'
import { encodeChanges, encodeSnapshotEnd, encodeSnapshotPiece } from '@dfs/metadata-copy'
import { crc32, zstd } from '@dfs/node-runtime'
import {
  type Epoch,
  type MetadataCopyState,
  methodHandler,
  readMetadataCopy,
  serveMethod,
  viewMetadataCopy,
} from '@dfs/protocol'

export const CLUSTER = 'c1'.repeat(16)
const SCHEMA = 11
const CODEC = { crc32, compression: zstd }
const NONCE = 'aa'.repeat(8)
/** So that a snapshot has several pieces. */
const PIECE_BYTES = 4096
/** Of one answer. */
const READ_BYTES = 300

export const at = (sequence: number, counter = 1, nonce = NONCE): Epoch => ({ counter, nonce, sequence })

export interface MadeFrame {
  readonly bytes: Uint8Array
  readonly from: Epoch
  readonly to: Epoch
  readonly changeSets: readonly Uint8Array[]
}

/** A database that counts: transaction n makes the row n, and changes the row before it. */
export class MadeCopy implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'dfs-made-'))
  readonly database = new DatabaseSync(join(this.directory, 'metadata.db'))
  snapshot: readonly Uint8Array[] = []
  readonly snapshotAt: Epoch
  readonly changes: MadeFrame[] = []
  readonly #origin: { readonly clusterId: string; readonly schema: number }
  #now: Epoch

  private constructor(begin: Epoch, clusterId: string) {
    this.#origin = { clusterId, schema: SCHEMA }
    this.#now = begin
    this.snapshotAt = begin
    this.database.exec(
      `CREATE TABLE state (one INTEGER PRIMARY KEY, cluster_id TEXT, epoch INTEGER, nonce TEXT, sequence INTEGER);
       CREATE TABLE things (id INTEGER PRIMARY KEY, value TEXT);
       PRAGMA user_version = ${SCHEMA}`,
    )
    const { counter, nonce, sequence } = begin
    this.database
      .prepare('INSERT INTO state VALUES (1, ?, ?, ?, ?)')
      .run(this.#origin.clusterId, counter, nonce, sequence)
  }

  /** With a snapshot at `begin`, and a frame for each of `transactions`. */
  static async make(transactions: number, begin = at(10), clusterId = CLUSTER): Promise<MadeCopy> {
    const copy = new MadeCopy(begin, clusterId)
    const file = readFileSync(join(copy.directory, 'metadata.db'))
    const pieces: Uint8Array[] = []
    const whole = { ...copy.#origin, position: begin, fileBytes: file.byteLength }
    for (let offset = 0; offset < file.byteLength; offset += PIECE_BYTES) {
      const raw = file.subarray(offset, offset + PIECE_BYTES)
      pieces.push(await encodeSnapshotPiece({ ...whole, offset, raw }, CODEC))
    }
    copy.snapshot = [...pieces, await encodeSnapshotEnd(whole, CODEC)]
    for (let n = 0; n < transactions; n += 1) copy.changes.push(await copy.#next())
    return copy
  }

  get end(): Epoch {
    return this.changes.at(-1)?.to ?? this.snapshotAt
  }

  get frames(): Uint8Array[] {
    return [...this.snapshot, ...this.changes.map(({ bytes }) => bytes)]
  }

  [Symbol.dispose](): void {
    this.database.close()
    rmSync(this.directory, { recursive: true })
  }

  /** A frame that says what it is told to. */
  frameOf(from: Epoch, to: Epoch, changeSets: readonly Uint8Array[]): Promise<Uint8Array> {
    return encodeChanges({ ...this.#origin, from, to, changeSets }, CODEC)
  }

  async #next(): Promise<MadeFrame> {
    const from = this.#now
    const to = { ...from, sequence: from.sequence + 1 }
    this.#now = to
    const session = this.database.createSession()
    this.database.exec('BEGIN')
    this.database.prepare('UPDATE state SET sequence = ?').run(to.sequence)
    this.database.prepare('INSERT INTO things VALUES (?, ?)').run(to.sequence, 'new')
    this.database.prepare("UPDATE things SET value = value || '!' WHERE id = ?").run(from.sequence)
    this.database.exec('COMMIT')
    const changeSets = [session.changeset()]
    session.close()
    return { bytes: await this.frameOf(from, to, changeSets), from, to, changeSets }
  }
}

export interface Holder {
  readonly frames: readonly Uint8Array[]
  readonly state: Partial<MetadataCopyState>
  readonly clusterId?: string
  /** It answers no more once so many bytes were read. */
  readonly failsAt?: number
}

/** Servers that hold copies, by address. */
export class Holders implements Transport {
  /** Addresses at which a copy was read. */
  readonly read = new Set<string>()
  readonly #holders: ReadonlyMap<string, Holder>

  constructor(holders: Readonly<Record<string, Holder>>) {
    this.#holders = new Map(Object.entries(holders))
  }

  call: Transport['call'] = (address, request) => {
    const holder = this.#holders.get(address)
    const silent = new TransportError(`${address} does not answer`, { wasSent: false })
    if (holder === undefined) return Promise.reject(silent)
    const { frames, state, clusterId = CLUSTER, failsAt = Infinity } = holder
    const nothing = {
      snapshot: null,
      position: null,
      incoming: null,
      end: null,
      snapshotBytes: 0,
      changesBytes: 0,
      damage: null,
    }
    const handler = methodHandler([
      serveMethod(viewMetadataCopy, async () => ({ clusterId, state: { ...nothing, ...state } })),
      serveMethod(readMetadataCopy, async ({ from }) => {
        this.read.add(address)
        if (from >= failsAt) throw silent
        const all = Buffer.concat(frames)
        // In pieces that end anywhere.
        return {
          frames: from >= all.byteLength ? [] : [all.subarray(from, Math.min(from + READ_BYTES, failsAt))],
        }
      }),
    ])
    return handler(request)
  }

  stream: Transport['stream'] = () => Promise.reject(new TypeError('nobody streams here'))
  serve: Transport['serve'] = () => Promise.reject(new TypeError('nobody serves here'))
}

/** A server that holds this copy, as far as `frames` goes. */
export const holding = (copy: MadeCopy, frames = copy.frames, position = copy.end): Holder => ({
  frames,
  state: { snapshot: copy.snapshotAt, position, end: position },
})
