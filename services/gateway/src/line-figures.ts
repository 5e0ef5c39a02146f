/** What is counted of the line protocol: requests by verb and reply, and bytes. */
import { Timings } from '@dfs/core'
import { LINE_REPLIES } from '@dfs/protocol'

/** Every other token of a reply says why nothing was done; there are as many as the catalogue of errors has. */
const GOOD: ReadonlySet<string> = new Set([LINE_REPLIES.created, LINE_REPLIES.written, LINE_REPLIES.deleted])

export class LineFigures {
  readonly requests = new Timings()
  /** Messages that were none, by no verb that could be named here. */
  refusedCount = 0
  receivedBytes = 0
  sentBytes = 0

  /** `token` is what was answered; null if the answer was content, or anything else that was asked for. */
  note(verb: string, token: string | null, seconds: number): void {
    this.requests.note(verb, token === null || GOOD.has(token) ? 'ok' : token, seconds)
  }
}
