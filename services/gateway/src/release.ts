/**
 * Which connections to a chunk port belong to an original client. Such a client asks the master port for the primary,
 * closes, and connects at once; its second thread then steals replies until two bytes that are not UTF-8 end it (see
 * docs/line-protocol.md). All clients of a host, or of a container network, share one address, so connections are paired
 * in their order: each closed question makes one connection an original's, never more.
 */
/** Between the close of a question and the connection that follows it. */
const PAIR_WITHIN_MS = 300
/** The two may be seen in the wrong order, when both happen within one turn of the event loop. */
const PAIR_LATE_MS = 50
/** Questions and connections that wait to be paired; the oldest are forgotten first. */
const WAITING_MAX = 4096

interface Waiting {
  readonly address: string
  readonly atMs: number
  readonly pairing: Pairing
}

/** What is known of one connection to a chunk port; it may become true a little after the connection was accepted. */
export interface Pairing {
  isOriginal: boolean
}

export class ReleasePairs {
  readonly #questions: Waiting[] = []
  readonly #connections: Waiting[] = []

  /** A connection whose only request was an unterminated FIND_PRIMARY_SERVER was closed by its client. */
  questionClosed(address: string, nowMs: number): void {
    const connection = takeFirst(this.#connections, address, nowMs - PAIR_LATE_MS)
    if (connection === undefined)
      keep(this.#questions, { address, atMs: nowMs, pairing: { isOriginal: false } })
    else connection.pairing.isOriginal = true
  }

  /** A connection to a chunk port was accepted. */
  connected(address: string, nowMs: number): Pairing {
    const isOriginal = takeFirst(this.#questions, address, nowMs - PAIR_WITHIN_MS) !== undefined
    const pairing = { isOriginal }
    if (!isOriginal) keep(this.#connections, { address, atMs: nowMs, pairing })
    return pairing
  }
}

function keep(list: Waiting[], waiting: Waiting): void {
  if (list.length >= WAITING_MAX) list.shift()
  list.push(waiting)
}

/** Removes what is older than `sinceMs`, then the oldest one of `address`. */
function takeFirst(list: Waiting[], address: string, sinceMs: number): Waiting | undefined {
  const young = list.findIndex((waiting) => waiting.atMs >= sinceMs)
  list.splice(0, young === -1 ? list.length : young)
  const at = list.findIndex((waiting) => waiting.address === address)
  return at === -1 ? undefined : list.splice(at, 1)[0]
}
