/** A consistent copy of the metadata, as a master hands it out to whoever asks for a backup. */
import { type Epoch } from './ids.ts'
import { type RequestContext } from './namespace.ts'

/** What a backup is a copy of. */
export interface BackupInfo {
  /** 32 hexadecimal digits. */
  readonly clusterId: string
  /** The last transaction that is in it. */
  readonly position: Epoch
  readonly schema: number
  readonly bytesTotal: number
}

export interface MetadataBackup extends AsyncDisposable {
  readonly info: BackupInfo
  /** A database file of SQLite, in order. Throws UNAVAILABLE if the rest cannot be had. */
  pieces(): AsyncIterable<Uint8Array>
}

/** One at a time. Throws TOO_BUSY, UNAVAILABLE. */
export type OpenBackup = (context: RequestContext) => Promise<MetadataBackup>
