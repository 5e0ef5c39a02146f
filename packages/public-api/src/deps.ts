/** What the public application is made of; every group of routes takes what it needs of it. */
import { type Clock, type Log, type Random } from '@dfs/core'
import { type FileService, type Namespace, type OpenBackup, type Readiness } from '@dfs/protocol'
import { type Metrics } from '@dfs/service-kit'
import { type Endpoints } from './addresses.ts'
import { type RedirectTarget } from './file-redirects.ts'
import { type OwnNode } from './workers.ts'

/**
 * How this node answers requests for a file's bytes: it has them itself; or it sends readers to a chunk server (`target`
 * names one, or null if none is alive) and passes on what is written. That one is the master, which has the metadata.
 */
export type Content =
  | {
      readonly kind: 'pass-on'
      readonly target: RedirectTarget
      readonly write: FileService['write']
      readonly backup: OpenBackup
    }
  | { readonly kind: 'serve'; readonly files: FileService }

export interface PublicAppOptions {
  readonly namespace: Namespace
  readonly content: Content
  readonly cluster: {
    /** All public listeners known at the moment, this node's and the master's included. */
    readonly endpoints: Endpoints
  }
  /** What this node tells about itself alone. */
  readonly node: OwnNode
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Names under which this service may be called, besides its own addresses and the advertised ones. */
  readonly allowedHosts: readonly string[]
  /** What `/readyz` says. */
  readonly readiness: () => Readiness | Promise<Readiness>
  /** What `/metrics` says, requests included; no such route without. */
  readonly metrics?: Metrics
  /** Whether `/docs` and `/openapi.json` exist; they cost a third of a second at the start. Default true. */
  readonly hasDocs?: boolean
  /** Told about bugs; the process should end. By default the error becomes an uncaught exception. */
  readonly onFatal?: (error: Error) => void
}
