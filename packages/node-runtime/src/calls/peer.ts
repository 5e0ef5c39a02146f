/**
 * The connections to one peer. A call takes the connection that was used last, so that those which the load no longer needs
 * close by themselves; if all are busy it opens another, up to a limit, and waits for whichever is ready first.
 */
import { TransportError } from '@dfs/core'
import { CallConnection } from './call-connection.ts'
import { type Exchange } from './call-exchange.ts'
import { type CallProof } from './call-proof.ts'
import { openConnection, RefusedError } from './handshake.ts'

/** Calls that wait for a connection. Callers batch, so more than this means that something runs away. */
const WAITING_MAX = 1024

export interface PeerOptions {
  readonly address: string
  readonly proof: CallProof
  readonly connectionsMax: number
}

export class Peer {
  readonly #address: string
  readonly #proof: CallProof
  readonly #connectionsMax: number
  readonly #connections = new Set<CallConnection>()
  readonly #idle: CallConnection[] = []
  readonly #closed = new AbortController()
  #waiting: Exchange[] = []
  #openingCount = 0

  constructor({ address, proof, connectionsMax }: PeerOptions) {
    this.#address = address
    this.#proof = proof
    this.#connectionsMax = connectionsMax
  }

  /** Whether no call is under way or waits. */
  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#idle.length === this.#connections.size
  }

  send(exchange: Exchange): void {
    const connection = this.#idle.pop()
    if (connection !== undefined) {
      connection.send(exchange)
      return
    }
    if (this.#waiting.length >= WAITING_MAX) {
      this.#waiting = this.#waiting.filter(({ isSettled }) => !isSettled)
    }
    if (this.#waiting.length >= WAITING_MAX) {
      exchange.fail('too many calls wait for a connection')
      return
    }
    this.#waiting.push(exchange)
    this.#open()
  }

  /** Calls under way fail as sent, waiting ones as not sent. */
  close(reason: string): void {
    this.#closed.abort(new Error(reason))
    for (const exchange of this.#waiting.splice(0)) exchange.fail(reason)
    for (const connection of this.#connections) connection.close()
  }

  #open(): void {
    if (this.#connections.size + this.#openingCount >= this.#connectionsMax) return
    this.#openingCount += 1
    openConnection(this.#address, this.#proof, this.#closed.signal)
      .finally(() => (this.#openingCount -= 1))
      .then(
        (opened) => {
          if (opened.socket.destroyed) {
            this.#failOne(
              new TransportError(`${this.#address}: the connection broke at once`, { wasSent: false }),
            )
            return
          }
          const connection = new CallConnection(opened, {
            onIdle: (idle) => this.#useIdle(idle),
            onClosed: (closed) => this.#forget(closed),
          })
          this.#connections.add(connection)
          if (this.#closed.signal.aborted) connection.close()
          else this.#useIdle(connection)
        },
        (error: unknown) => this.#failOne(error),
      )
  }

  #useIdle(connection: CallConnection): void {
    const next = this.#nextWaiting()
    if (next === null) this.#idle.push(connection)
    else connection.send(next)
  }

  #nextWaiting(): Exchange | null {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (!next.isSettled) return next
    }
    return null
  }

  /** Each attempt to open a connection was made for one call, and fails one. */
  #failOne(error: unknown): void {
    const exchange = this.#nextWaiting()
    if (exchange === null) return
    this.#openForWaiting()
    if (error instanceof RefusedError) exchange.succeed(error.reply)
    else if (error instanceof TransportError) exchange.fail(error.message, error)
    else exchange.fail('no connection', error)
  }

  #forget(connection: CallConnection): void {
    this.#connections.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at !== -1) this.#idle.splice(at, 1)
    this.#openForWaiting()
  }

  /** Somebody may have been waiting for the connection that is gone, or that could not be made. */
  #openForWaiting(): void {
    if (this.#waiting.length > this.#openingCount && !this.#closed.signal.aborted) this.#open()
  }
}
