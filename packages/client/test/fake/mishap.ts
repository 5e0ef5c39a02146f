/** What a test can make happen to a request, and what it gets to see of one. */
import { type IncomingMessage } from 'node:http'
import { type ErrorCode } from '@dfs/protocol'

/**
 * `refuse`: an error of the catalogue instead of the answer. `cut-unread`: the connection is reset before the body is read.
 * `cut-answer`: the change is made, then the connection is reset. `cut-body`: it is reset after that many bytes of the
 * answer's body, or of the request's if it is a PUT. `corrupt`: the first byte of the answer's body is another one. `stall`: `stalled` is called after that many bytes of the answer's body, with 0 before its head, with a function that lets it go on.
 */
export type Mishap =
  | { readonly kind: 'refuse'; readonly code: ErrorCode; readonly retryAfterSeconds?: number }
  | { readonly kind: 'cut-unread' }
  | { readonly kind: 'cut-answer' }
  | { readonly kind: 'cut-body'; readonly afterBytes: number }
  | { readonly kind: 'corrupt' }
  | { readonly kind: 'stall'; readonly afterBytes: number; readonly stalled: (goOn: () => void) => void }

export interface SeenRequest {
  /** 0 is the master, others the chunk servers. */
  readonly server: number
  readonly method: string
  readonly target: string
  readonly headers: IncomingMessage['headers']
}
