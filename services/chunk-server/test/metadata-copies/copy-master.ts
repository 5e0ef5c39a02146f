/**
 * A server's disk that holds a metadata copy, and what a master would bring it: a database of some bytes at transaction 10, change
 * sets behind it, later a newer snapshot. Positions are numbers of transactions here, all of one start.
 */
import { concatBytes, type DiskErrorKind, utf8 } from '@dfs/core'
import {
  type CopyEnd,
  type CopyPart,
  decodeFrames,
  encodeChanges,
  encodeSnapshotEnd,
  encodeSnapshotPiece,
  type Frame,
  METADATA_COPIES_DIRECTORY,
  readCopy,
} from '@dfs/metadata-copy'
import { crc32 } from '@dfs/node-runtime'
import { type AppendMetadataReply, type Epoch } from '@dfs/protocol'
import {
  type DiskOperation,
  SimNetwork,
  simNode,
  type SimNode,
  Simulation,
  uncompressed,
} from '@dfs/sim-runtime'
import { expect } from 'vitest'
import { MetadataCopies, type MetadataCopiesDeps } from '../../src/metadata-copies/metadata-copies.ts'
import { NO_GUARD } from '../store-deps.ts'

export const CLUSTER = '000102030405060708090a0b0c0d0e0f'
const NONCE = '0123456789abcdef'
const SCHEMA = 11
const codec = { crc32, compression: uncompressed }

export const at = (sequence: number, counter = 3, nonce = NONCE): Epoch => ({ counter, nonce, sequence })

/** The database file at a position: other bytes, and more of them, at each. */
export const fileAt = (sequence: number): Uint8Array =>
  new Uint8Array(600 + sequence).map((_, index) => Math.imul(index + sequence, 2654435761) >>> 24)

const framed = async (bytes: Promise<Uint8Array>): Promise<Frame> =>
  decodeFrames(await bytes, crc32).frames[0]!

export interface Saying {
  readonly clusterId?: string
  readonly schema?: number
  /** In the place of what would be there. */
  readonly text?: string
}

/** A part of the snapshot at a position. */
export function piece(sequence: number, from: number, to: number, saying: Saying = {}): Promise<Frame> {
  const file = fileAt(sequence)
  if (saying.text !== undefined) file.set(utf8(saying.text), from)
  const raw = file.subarray(from, to)
  return framed(
    encodeSnapshotPiece(
      { ...origin(saying), position: at(sequence), offset: from, fileBytes: file.byteLength, raw },
      codec,
    ),
  )
}

/** All of the snapshot at a position, in three parts and its end. */
export async function snapshot(sequence: number, saying: Saying = {}): Promise<Frame[]> {
  const size = fileAt(sequence).byteLength
  const parts = [
    piece(sequence, 0, 250, saying),
    piece(sequence, 250, 500, saying),
    piece(sequence, 500, size, saying),
  ]
  return [...(await Promise.all(parts)), await snapshotEnd(sequence, saying)]
}

export const snapshotEnd = (sequence: number, saying: Saying = {}): Promise<Frame> =>
  framed(
    encodeSnapshotEnd(
      { ...origin(saying), position: at(sequence), fileBytes: fileAt(sequence).byteLength },
      codec,
    ),
  )

/** Change sets from one position to another. */
export function changes(from: number | Epoch, to: number | Epoch, saying: Saying = {}): Promise<Frame> {
  const ends = [from, to].map((end) => (typeof end === 'number' ? at(end) : end)) as [Epoch, Epoch]
  const text = saying.text ?? `changes from ${ends[0].sequence} to ${ends[1].sequence}`
  const changeSets = [utf8(text)]
  return framed(encodeChanges({ ...origin(saying), from: ends[0], to: ends[1], changeSets }, codec))
}

const origin = ({ clusterId = CLUSTER, schema = SCHEMA }: Saying) => ({ clusterId, schema })

/** What was read of a copy: its database file, and what its change sets say. */
export interface ReadBack {
  readonly file: Uint8Array
  readonly texts: string[]
  readonly end: CopyEnd
}

export class HolderWorld {
  readonly simulation: Simulation
  readonly node: SimNode
  copies!: MetadataCopies
  /** What was to be written down since its frames go. */
  readonly kept: Epoch[] = []
  isObeyed = true

  private constructor(seed: string) {
    this.simulation = new Simulation(seed)
    this.node = simNode(new SimNetwork(this.simulation), 'node')
  }

  static async open(seed: string): Promise<HolderWorld> {
    const world = new HolderWorld(seed)
    await world.begin()
    return world
  }

  /** As a start of the server does it. */
  async begin(more: Partial<MetadataCopiesDeps> = {}): Promise<void> {
    this.copies = await this.simulation.complete(() => this.opened(more))
  }

  opened(more: Partial<MetadataCopiesDeps> = {}): Promise<MetadataCopies> {
    const keepWitness = async (seen: Epoch): Promise<void> => {
      this.kept.push(seen)
    }
    const { disk, log } = this.node.runtime
    return MetadataCopies.open({ disk, log, crc32, guard: NO_GUARD, keepWitness, ...more }, CLUSTER)
  }

  async restart(kind: 'power' | 'process' = 'power'): Promise<void> {
    this.node.crash(kind)
    this.node.restart()
    await this.begin()
  }

  append(...frames: readonly Frame[]): Promise<AppendMetadataReply> {
    return this.simulation.complete(() => this.appending(...frames))
  }

  appending(...frames: readonly Frame[]): Promise<AppendMetadataReply> {
    return this.copies.append(frames, () => {
      if (!this.isObeyed) throw new Error('not obeyed')
    })
  }

  /** The whole copy as whoever recovers gets it. */
  async readBack(): Promise<ReadBack> {
    const { snapshot: position } = await this.view()
    const pieces: Uint8Array[] = []
    for (let from = 0; position !== null;) {
      const bytes = await this.simulation.complete(() => this.copies.read(position, from))
      if (bytes.byteLength === 0) break
      pieces.push(bytes)
      from += bytes.byteLength
    }
    const parts: CopyPart[] = []
    for await (const part of readCopy(pieces, { ...codec, clusterId: CLUSTER })) parts.push(part)
    return {
      file: concatBytes(parts.flatMap((part) => (part.kind === 'snapshot' ? part.bytes : []))),
      texts: parts.flatMap((part) =>
        part.kind === 'changes' ? part.changeSets.map((bytes) => new TextDecoder().decode(bytes)) : [],
      ),
      end: parts.at(-1) as CopyEnd,
    }
  }

  view() {
    return this.simulation.complete(() => this.copies.view())
  }

  /** Names of files, and what a power cut would leave of them at the least. */
  get files(): Map<string, number | null> {
    const { names } = this.node.disk
    const files = names.get(METADATA_COPIES_DIRECTORY) === null ? [] : names.list(METADATA_COPIES_DIRECTORY)
    return new Map(files.map((name) => [name, this.node.disk.durable(pathOf(name))?.byteLength ?? null]))
  }

  get complaints(): string[] {
    return this.node.log.lines
      .filter(({ level }) => level === 'error' || level === 'warn')
      .map(({ message }) => message)
  }

  /** Lets operations of the disk fail that the filter names. */
  failing(error: DiskErrorKind, isMeant: (operation: DiskOperation) => boolean): void {
    this.node.disk.faultHook = (operation) => (isMeant(operation) ? { kind: 'error', error } : null)
  }

  heal(): void {
    this.node.disk.faultHook = null
  }
}

/** What is held is a whole copy, from a database file on, up to at least there. */
export async function expectWhole(world: HolderWorld, acknowledged: number): Promise<void> {
  const { snapshot: begins, position } = await world.view()
  expect(position?.sequence ?? 0, 'what was acknowledged is there').toBeGreaterThanOrEqual(acknowledged)
  if (begins === null || position === null) return
  const { file, texts, end } = await world.readBack()
  expect(end).toMatchObject({ reason: 'whole', position })
  expect(file).toEqual(fileAt(begins.sequence))
  const steps = texts.map((text) => /^changes from (\d+) to (\d+)$/.exec(text)!.slice(1).map(Number))
  const path = [begins.sequence, ...steps.map(([, to]) => to)]
  expect(steps.map(([from]) => from)).toEqual(path.slice(0, -1))
  expect(path.at(-1)).toBe(position.sequence)
}

export const pathOf = (name: string): string => `${METADATA_COPIES_DIRECTORY}/${name}`
export const snapshotFile = (sequence: number): string => `3-${NONCE}-${sequence}.snapshot`
export const changesFile = (sequence: number): string => `3-${NONCE}-${sequence}.changes`
export const sizeOf = (frames: readonly Frame[]): number =>
  frames.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
