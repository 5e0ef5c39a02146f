/**
 * Who has a place when there are more connections than places: not whoever came first. A new connection takes the place of one
 * that does nothing, so that no number of idle ones locks anybody out: of the address that has most connections, the one
 * between two requests, or before its first, that has been quiet for longest; if it has none of these, the one that has been stuck longest in
 * the middle of a request or an answer, or all but stuck. One whose request is being worked on, or that moves, is never taken
 * away. If all are busy, the new one is refused.
 *
 * A request pays nothing for this: from half of the places on, one slow heartbeat looks at the counters of all sockets.
 */
import { type Clock, type Log } from '@dfs/core'
import { type ServerResponse } from 'node:http'
import { type Socket } from 'node:net'

const BEAT_MS = 1000
/** Whoever stops in the middle is not disturbed before. */
const STUCK_MS = 10_000
/** In the middle of a request or an answer less is no move, or a byte now and then would keep a place for ever. */
const MOVE_BYTES = 16 * 1024
/** Idle connections that go at once if one has to: looking at all of them costs more than to end some. */
const IDLE_SHARE_MAX = 1 / 64
const LOG_EVERY_MS = 10_000

export interface ConnectionPlacesOptions {
  readonly clock: Clock
  readonly log: Log
  readonly max: number
  /** The latest request's answer on a connection. */
  readonly latest: (socket: Socket) => ServerResponse | undefined
}

interface Place {
  readonly socket: Socket
  readonly address: string
  /** When it last moved: how many bytes had passed, and for which answer. */
  bytes: number
  latest: ServerResponse | undefined
  movedMs: number
}

/** The connections of one address that could go, the first to go last. */
interface Candidates {
  count: number
  readonly idle: Place[]
  readonly stuck: Place[]
}

export class ConnectionPlaces {
  readonly #options: ConnectionPlacesOptions
  readonly #places = new Set<Place>()
  readonly #closed = new AbortController()
  #isBeating = false
  #loggedMs = -Infinity

  constructor(options: ConnectionPlacesOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#places.size
  }

  /** To be called for each new connection. */
  readonly take = (socket: Socket): void => {
    const { clock, max } = this.#options
    if (this.#places.size >= max && this.#makeRoom() === 0) {
      socket.destroy()
      return
    }
    const address = socket.remoteAddress ?? ''
    const place = { socket, address, bytes: 0, latest: undefined, movedMs: clock.monotonicMs() }
    this.#places.add(place)
    socket.once('close', () => this.#places.delete(place))
    if (!this.#isBeating && this.#isCrowded) void this.#beat()
  }

  /** Stops the heartbeat. Idempotent. */
  close(): void {
    this.#closed.abort()
  }

  get #isCrowded(): boolean {
    return this.#places.size > this.#options.max / 2 && !this.#closed.signal.aborted
  }

  async #beat(): Promise<void> {
    this.#isBeating = true
    while (this.#isCrowded) {
      this.#look()
      await this.#options.clock.sleep(BEAT_MS, this.#closed.signal).catch(() => undefined)
    }
    this.#isBeating = false
  }

  /** Notes who has moved since the last look. */
  #look(): void {
    const nowMs = this.#options.clock.monotonicMs()
    for (const place of this.#places) {
      const bytes = place.socket.bytesRead + place.socket.bytesWritten
      const latest = this.#options.latest(place.socket)
      if (bytes - place.bytes < leastMove(stateOf(latest), latest === place.latest)) continue
      place.bytes = bytes
      place.latest = latest
      place.movedMs = nowMs
    }
  }

  /** How many connections were ended. */
  #makeRoom(): number {
    this.#look()
    const candidates = [...this.#candidates().values()]
    const atOnce = Math.max(1, Math.floor(this.#options.max * IDLE_SHARE_MAX))
    let ended = 0
    for (let goesOn = true; goesOn && ended < atOnce;) {
      const from = mostOf(candidates)
      const idle = from?.idle.pop()
      const next = idle ?? from?.stuck.pop()
      if (from === null || next === undefined) break
      from.count -= 1
      this.#places.delete(next)
      next.socket.destroy()
      ended += 1
      // Of those that are in the middle of something, no more go than have to.
      goesOn = idle !== undefined
    }
    this.#say(ended)
    return ended
  }

  #candidates(): Map<string, Candidates> {
    const stuckBeforeMs = this.#options.clock.monotonicMs() - STUCK_MS
    const byAddress = new Map<string, Candidates>()
    const quietestLast = [...this.#places].sort((a, b) => b.movedMs - a.movedMs)
    for (const place of quietestLast) {
      const of = byAddress.get(place.address) ?? { count: 0, idle: [], stuck: [] }
      byAddress.set(place.address, of)
      of.count += 1
      const state = stateOf(this.#options.latest(place.socket))
      if (state === 'idle') of.idle.push(place)
      else if (state === 'waits for client' && place.movedMs <= stuckBeforeMs) of.stuck.push(place)
    }
    return byAddress
  }

  #say(ended: number): void {
    const nowMs = this.#options.clock.monotonicMs()
    if (nowMs - this.#loggedMs < LOG_EVERY_MS) return
    this.#loggedMs = nowMs
    const fields = { connections: this.#places.size, ended }
    if (ended === 0) this.#options.log.warn(fields, 'all connections are busy: a new one was refused')
    else this.#options.log.warn(fields, 'too many connections: the idlest were ended')
  }
}

/** Among equals, the one with the quietest connection. */
function mostOf(candidates: readonly Candidates[]): Candidates | null {
  let most: Candidates | null = null
  for (const one of candidates) {
    if (one.idle.length === 0 && one.stuck.length === 0) continue
    if (most === null || one.count > most.count) most = one
    else if (one.count === most.count && quietest(one).movedMs < quietest(most).movedMs) most = one
  }
  return most
}

const quietest = ({ idle, stuck }: Candidates): Place => (idle.at(-1) ?? stuck.at(-1))!

/** So many bytes are a move. Whoever waits for this server needs none. */
function leastMove(state: State, isSame: boolean): number {
  if (state === 'busy') return 0
  return state === 'waits for client' && isSame ? MOVE_BYTES : 1
}

type State = 'idle' | 'waits for client' | 'busy'

function stateOf(latest: ServerResponse | undefined): State {
  if (latest === undefined || latest.writableFinished || latest.destroyed) return 'idle'
  return latest.headersSent || !latest.req.complete ? 'waits for client' : 'busy'
}
