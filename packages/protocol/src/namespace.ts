/**
 * The namespace as every node offers it: the master out of its store, a chunk server by asking the master. The public
 * metadata routes are written once, against this interface.
 */
import { type ClusterView, type CopyCheck } from './nodes/membership.ts'
import { type CommandBody, type CommandSuccess } from './nodes/commands.ts'
import { type ListPage, type ListRequest } from './nodes/listings.ts'
import { type Lookup, type LookupResult } from './nodes/lookups.ts'

export interface RequestContext {
  /** Follows the request through all services, for the logs. */
  readonly requestId: string
}

export interface Namespace {
  /** Reads the committed state as of some moment after the call. UNAVAILABLE where the master cannot be asked. */
  lookup(lookup: Lookup, context: RequestContext): Promise<LookupResult>
  list(request: ListRequest, context: RequestContext): Promise<ListPage>
  /**
   * Carries the command out once, durably. Throws the command's failure, or TIMEOUT_ERROR where the outcome stayed
   * unknown.
   */
  execute(command: CommandBody, context: RequestContext): Promise<CommandSuccess>
  viewCluster(context: RequestContext): Promise<ClusterView>
  /** The check of all copies; begins one where `start` and none is under way. Null where there was none. */
  checkCopies(request: { readonly start: boolean }, context: RequestContext): Promise<CopyCheck | null>
}
