/**
 * The metadata as a check reads it: a dump that whatever keeps it offers. Each list comes in the order that is named, so that
 * those which belong together are gone through side by side, once, and only volumes and directories are held in memory.
 * Numbers compare as numbers. Nothing is promised of what the rows say: that is what is checked.
 */
import { type Epoch } from '@dfs/protocol'

export interface MetadataDump {
  /** As they are written down. */
  totals(): Totals
  history(): History
  servers(): Iterable<KnownServer>
  /** By id. */
  volumes(): Iterable<Volume>
  /** Those that were deleted, or are being; rising. */
  deletedVolumes(): Iterable<number>
  /** Copies that are being made by the ledger, in no order; null if there is none yet. */
  copiesUnderWay(): Iterable<number> | null
  /** All chunks, by volume, then their records' offsets. */
  chunksByVolume(): Iterable<Chunk>
  /** All chunks, by content, then start. */
  chunks(): Iterable<PlacedChunk>
  /** What is written down of contents that lie in several volumes, by content, then volume; null where that was not done. */
  spanningContents(): Iterable<SpanningContent> | null
  /** Contents that a version, an upload under way or the list of garbage refers to, rising. */
  contentsInUse(): Iterable<number>
  /** By file, then id. */
  versions(): Iterable<Version>
  /** By content; those without one first. */
  versionsByContent(): Iterable<Version>
  /** By directory. */
  entries(): Iterable<Entry>
  /** Entries that are files, by id, then version. */
  files(): Iterable<Entry>
  /** Entries that are directories. */
  directories(): Iterable<Entry>
  /** What was deleted or replaced, by id. */
  trash(): Iterable<Trashed>
}

export interface Totals {
  readonly files: number
  readonly directories: number
  readonly links: number
  readonly fileBytes: number
}

/** How far the metadata is, and how it got there. */
export interface History {
  readonly now: Epoch
  /** The starts of the master that are known, by counter, each with the transactions that it began with. */
  readonly starts: readonly Epoch[]
  /** The counter with which `dfs recover` began the present history; 0 if it is the first. */
  readonly begunWith: number
}

export interface KnownServer {
  readonly id: number
  readonly diskUid: string
  readonly name: string
  /** Whether it was named as gone for good: its disk is refused, and need not be there. */
  readonly isRemoved: boolean
}

export interface Replica {
  readonly replica: number
  readonly server: number
  /** As the master saw it last. */
  readonly state: 'open' | 'unverified' | 'in-sync' | 'damaged' | 'lost' | 'copying' | 'surplus' | 'dropping'
}

export interface Volume {
  readonly id: number
  readonly isOpen: boolean
  /** Whether it is to be gone with the last of its copies. */
  readonly isDeleting: boolean
  /** What is in use of it, as it is written down; null if the program that wrote it did not count. */
  readonly live: Live | null
  readonly primaryServer: number
  readonly primaryIncarnation: number
  readonly committedEnd: number
  readonly sealedLength: number | null
  readonly salt: string
  readonly replicas: readonly Replica[]
}

/** The chunks in a volume: bytes of their records, and contents of versions that have any. */
export interface Live {
  readonly bytes: number
  readonly chunks: number
  readonly files: number
}

export interface Chunk {
  readonly volume: number
  readonly content: number
  readonly start: number
  /** Where it begins in the file as its record says: later, if the content is the end of a write of which the beginning is lost. */
  readonly startInFile: number
  readonly offset: number
  readonly recordSize: number
  readonly length: number
  readonly crc32: number
  /** Whether a version is made of its content: not if that is still being uploaded, or was given up. */
  readonly isOfVersion: boolean
  /** The request that wrote it, if a version consists of this chunk alone. */
  readonly requestNumber: number | null
}

/** A content of a version that lies in several volumes, and one of them. */
export interface SpanningContent {
  readonly content: number
  readonly volume: number
}

export interface PlacedChunk {
  readonly content: number
  readonly start: number
  readonly length: number
  readonly volume: number
}

export interface Version {
  readonly file: number
  readonly id: number
  readonly size: number
  readonly content: number | null
}

export type EntryKind = 'file' | 'directory' | 'link'

export interface Entry {
  readonly parent: number
  readonly name: string
  readonly kind: EntryKind
  readonly id: number
  readonly version: number
  readonly size: number
}

export interface Trashed {
  readonly id: number
  readonly kind: EntryKind
  /** False for a directory whose content is still in the totals. */
  readonly isCounted: boolean
}
