/**
 * The namespace as every node offers it: the master out of its store, a chunk server by asking the master. The public
 * metadata routes are written once, against this interface.
 */
import { type Clock } from '@dfs/core'
import { DfsError } from './errors.ts'
import { type Explanation, type ExplainRequest, type WeakFiles, type WeakFilesRequest } from './explain.ts'
import { type HealthView } from './health.ts'
import { type RecoveryRequest, type RecoveryView } from './recovery.ts'
import { type RemovalRequest, type RemovalView } from './removal.ts'
import { type RepairsRequest, type RepairsView } from './repairs.ts'
import { REQUEST_DEADLINE_MS } from './limits.ts'
import { type ClusterView, type CopyCheck } from './nodes/membership.ts'
import { type CommandBody, type CommandSuccess } from './nodes/commands.ts'
import { type ListPage, type ListRequest } from './nodes/listings.ts'
import { type Lookup, type LookupResult } from './nodes/looked-up.ts'
import { type Caller } from './nodes/passed-writes.ts'

/**
 * What accompanies one client request on its way through this node. It is made once, at the door, and whatever the request
 * passes through takes its time from here: steps that each began a deadline of their own would add up to a longer one.
 */
export interface RequestContext {
  /** Follows the request through all services, for the logs. */
  readonly requestId: string
  /**
   * On this node's monotonic clock: the request is answered by then, come what may. It counts from the moment when the server
   * has all that it needs of its client ({@link continueContext}).
   */
  readonly deadlineMs: number
  /** All of its time, if that is not {@link REQUEST_DEADLINE_MS}: what another node that has passed it on has left. */
  readonly timeMs?: number
  /**
   * Aborts when the client has left: the request gives up its places in queues. What may have left for the master is settled
   * nevertheless. Absent if nobody can leave.
   */
  readonly signal?: AbortSignal
  /** Who asks; absent for what this node does on its own. */
  readonly caller?: Caller
}

/** The context of a request that has just arrived: its time, {@link REQUEST_DEADLINE_MS}, begins. */
export const openContext = (clock: Clock, requestId: string, signal?: AbortSignal): RequestContext => ({
  requestId,
  deadlineMs: clock.monotonicMs() + REQUEST_DEADLINE_MS,
  ...(signal === undefined ? null : { signal }),
})

/**
 * The client has just done its part: sent more of its body, or taken what it was given. Its time starts over, for what needs
 * that part; a body of 1 GiB takes longer to arrive than any answer may.
 */
export const continueContext = (clock: Clock, context: RequestContext): RequestContext => ({
  ...context,
  deadlineMs: clock.monotonicMs() + (context.timeMs ?? REQUEST_DEADLINE_MS),
})

/** Ends what was still waiting for its turn when its client left; nobody reads it but the logs. */
export const clientHasLeft = (): DfsError =>
  new DfsError('UNAVAILABLE', 'the client left before this was begun; nothing was changed')

export interface Namespace {
  /** Reads the committed state as of some moment after the call. UNAVAILABLE if the master cannot be asked. */
  lookup(lookup: Lookup, context: RequestContext): Promise<LookupResult>
  list(request: ListRequest, context: RequestContext): Promise<ListPage>
  /**
   * Carries the command out once, durably. Throws the command's failure, or TIMEOUT_ERROR if the outcome stayed
   * unknown.
   */
  execute(command: CommandBody, context: RequestContext): Promise<CommandSuccess>
  viewCluster(context: RequestContext): Promise<ClusterView>
  /** The check of all copies; begins one if `start` and none is under way. Null if there was none. */
  checkCopies(request: { readonly start: boolean }, context: RequestContext): Promise<CopyCheck | null>
  /** Whether all that is stored is there. Where the master cannot be asked, that is the answer. */
  viewHealth(context: RequestContext): Promise<HealthView>
  /** Why a file is as it is. FILE_NOT_FOUND, IS_A_DIRECTORY, IS_A_LINK, INVALID_PATH. */
  explain(request: ExplainRequest, context: RequestContext): Promise<Explanation>
  /** A page of the files with too few copies. */
  listWeakFiles(request: WeakFilesRequest, context: RequestContext): Promise<WeakFiles>
  /** Copies that are made again, the newest first. */
  listRepairs(request: RepairsRequest, context: RequestContext): Promise<RepairsView>
  /** The last new history, with a page of what became of the writes that it found. */
  viewRecovery(request: RecoveryRequest, context: RequestContext): Promise<RecoveryView>
  /** It is the one to keep. UNAVAILABLE while writes that were found have no name. */
  confirmRecovery(context: RequestContext): Promise<RecoveryView>
  /**
   * Names a server as gone for good, with its disk. Idempotent. SERVER_NOT_FOUND; SERVER_ALIVE until it has been silent for long enough; WOULD_LOSE_FILES if it alone
   * may have a good copy of some, unless that is accepted; INVALID_REQUEST if several servers could be meant.
   */
  removeServer(request: RemovalRequest, context: RequestContext): Promise<RemovalView>
}
