/** From what nodes know to what clients see. */
import {
  type ClusterStatusView,
  type ClusterView,
  DfsError,
  type EntryView,
  FEATURE_LEVEL_UNSAID,
  type FileInfo,
  type FilePath,
  type FileView,
  type FoundFile,
  formatEtag,
  type KeptNow,
  type LookupResult,
  type ServerView,
} from '@dfs/protocol'
import { type Addresses } from './addresses.ts'

/** `now` is what is known of its copies at the moment; null in the answer to a write, which says what was promised. */
export function fileView(path: FilePath, info: FileInfo, now: KeptNow | null = null): FileView {
  const view: FileView = {
    kind: 'file',
    path,
    size: info.size,
    etag: formatEtag(info.version),
    contentType: info.contentType,
    executable: info.executable,
    modifiedMs: info.modifiedMs,
    crc32: info.crc32.toString(16).padStart(8, '0'),
    copies: now?.copies ?? info.copies,
    promised: info.copies,
  }
  if (info.sha256 !== null) view.sha256 = Buffer.from(info.sha256).toString('hex')
  return view
}

/** Throws the error that the look-up has found. */
export function entryView(path: FilePath, found: LookupResult): EntryView {
  switch (found.kind) {
    case 'file':
      return fileView(path, found.info, found.now)
    case 'directory':
      return { kind: 'directory', path, modifiedMs: found.modifiedMs }
    case 'link':
      return { kind: 'link', path, target: found.target, modifiedMs: found.modifiedMs }
    case 'error':
      throw new DfsError(found.code, found.detail)
  }
}

/** The file that the look-up has found; IS_A_DIRECTORY, IS_A_LINK, or the error that it has found instead. */
export function requireFile(path: FilePath, found: LookupResult): FoundFile {
  switch (found.kind) {
    case 'file':
      return found
    case 'directory':
      throw new DfsError('IS_A_DIRECTORY', path)
    case 'link':
      throw new DfsError('IS_A_LINK', path)
    case 'error':
      throw new DfsError(found.code, found.detail)
  }
}

/** Who asks, and what this node knows of names. */
export interface Caller {
  readonly addresses: Addresses
  /** The caller's name for this node. */
  readonly hostName: string
}

/** The servers, with the addresses where the caller reaches them. */
export const serverViews = (
  { servers, preferred }: ClusterView,
  { addresses, hostName }: Caller,
): ServerView[] =>
  servers.map((server) => ({
    id: server.id,
    name: server.name,
    url: addresses.originOf(server, hostName),
    liveness: server.liveness,
    isPreferred: server.id === preferred,
    zone: server.zone,
    freeBytes: server.freeBytes,
    totalBytes: server.totalBytes,
    isFull: server.isFull,
    silentForMs: server.silentForMs,
    damagedRanges: server.damagedRanges,
    repairedRecords: server.repairedRecords,
    featureLevel: server.featureLevel ?? FEATURE_LEVEL_UNSAID,
    mode: server.mode ?? 'active',
  }))

export const clusterStatusView = (cluster: ClusterView, caller: Caller): ClusterStatusView => ({
  clusterId: cluster.clusterId,
  epoch: cluster.epoch,
  settings: cluster.settings,
  featureLevel: cluster.featureLevel ?? FEATURE_LEVEL_UNSAID,
  servers: serverViews(cluster, caller),
  totals: cluster.totals,
  kept: cluster.kept,
  ...(cluster.metadataCopies === undefined ? null : { metadataCopies: cluster.metadataCopies }),
})
