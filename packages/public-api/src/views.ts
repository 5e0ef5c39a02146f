/** From what nodes know to what clients see. */
import {
  type ClusterStatusView,
  type ClusterView,
  DfsError,
  type EntryView,
  type FileInfo,
  type FilePath,
  type FileView,
  formatEtag,
  type LookupResult,
  type ServerView,
} from '@dfs/protocol'
import { originOf } from './addresses.ts'

export function fileView(path: FilePath, info: FileInfo): FileView {
  const view: FileView = {
    kind: 'file',
    path,
    size: info.size,
    etag: formatEtag(info.version),
    contentType: info.contentType,
    executable: info.executable,
    modifiedMs: info.modifiedMs,
    crc32: info.crc32.toString(16).padStart(8, '0'),
    copies: info.copies,
  }
  if (info.sha256 !== null) view.sha256 = Buffer.from(info.sha256).toString('hex')
  return view
}

/** Throws the error that the look-up has found. */
export function entryView(path: FilePath, found: LookupResult): EntryView {
  switch (found.kind) {
    case 'file':
      return fileView(path, found.info)
    case 'directory':
      return { kind: 'directory', path, modifiedMs: found.modifiedMs }
    case 'link':
      return { kind: 'link', path, target: found.target, modifiedMs: found.modifiedMs }
    case 'error':
      throw new DfsError(found.code, found.detail)
  }
}

/** The file that the look-up has found; IS_A_DIRECTORY, IS_A_LINK, or the error that it has found instead. */
export function requireFile(path: FilePath, found: LookupResult): FileInfo {
  switch (found.kind) {
    case 'file':
      return found.info
    case 'directory':
      throw new DfsError('IS_A_DIRECTORY', path)
    case 'link':
      throw new DfsError('IS_A_LINK', path)
    case 'error':
      throw new DfsError(found.code, found.detail)
  }
}

/** The servers, with the addresses where a caller that knows this node as `hostName` reaches them. */
export const serverViews = ({ servers, preferred }: ClusterView, hostName: string): ServerView[] =>
  servers.map((server) => ({
    id: server.id,
    name: server.name,
    url: originOf(server, hostName),
    liveness: server.liveness,
    isPreferred: server.id === preferred,
    zone: server.zone,
    freeBytes: server.freeBytes,
    totalBytes: server.totalBytes,
    silentForMs: server.silentForMs,
  }))

export const clusterStatusView = (cluster: ClusterView, hostName: string): ClusterStatusView => ({
  clusterId: cluster.clusterId,
  epoch: cluster.epoch,
  settings: cluster.settings,
  servers: serverViews(cluster, hostName),
  totals: cluster.totals,
})
