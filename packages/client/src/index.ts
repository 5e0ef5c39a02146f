export { createClient } from './client.ts'
export {
  type BackupDownload,
  type CallOptions,
  type ChangeResult,
  type DfsClient,
  type ExplainOptions,
  type GetOptions,
  type ListOptions,
  type PutOptions,
  type PutResult,
  type NodeWorkers,
  type RemoveDirectoryOptions,
  type RemoveOptions,
  type RemoveServerOptions,
  type WeakFilesOptions,
  type WriteOptions,
} from './contract.ts'
export { type Download, type DownloadInfo } from './download.ts'
export { CLIENT_LIMITS, type ClientLimits, type ClientOptions } from './options.ts'
export { type Durability, parseDurability } from './receipt.ts'
export { RequestError } from './request-error.ts'
export { type PutSource } from './source.ts'
