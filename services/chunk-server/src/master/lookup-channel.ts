/**
 * Look-ups at the master, in batches. A look-up joins only a batch that leaves after it was asked (R16): it sees
 * everything that was committed before.
 */
import { backoffMs, Batcher, type Clock, type Random, TransportError } from '@dfs/core'
import {
  DfsError,
  type Lookup,
  type LookupResult,
  type LookupsReply,
  type RequestContext,
} from '@dfs/protocol'
import { type Tuning } from '../tuning.ts'
import { nameBatch } from './commit-channel.ts'

const QUEUE_MAX = 16_384
const IN_FLIGHT_MAX = 2
const RETRY_BACKOFF = { firstMs: 20, mostMs: 500 }

export interface LookupChannelDeps {
  readonly clock: Clock
  readonly random: Random
  readonly tuning: Tuning
  readonly send: (
    requests: readonly Lookup[],
    options: { timeoutMs: number; requestId: string },
  ) => Promise<LookupsReply>
}

interface Pending {
  readonly request: Lookup
  /** The client's request, for the logs. */
  readonly requestId: string
  readonly deadlineMs: number
}

export class LookupChannel {
  readonly #deps: LookupChannelDeps
  readonly #batcher: Batcher<Pending, LookupResult>

  constructor(deps: LookupChannelDeps) {
    this.#deps = deps
    this.#batcher = new Batcher({
      run: (batch) => this.#run(batch),
      gather: () => deps.clock.turn(),
      itemsMax: deps.tuning.lookupsPerCallMax,
      inFlightMax: IN_FLIGHT_MAX,
      queueMax: QUEUE_MAX,
    })
  }

  /** UNAVAILABLE where the master does not answer in time. */
  lookup(request: Lookup, { requestId, deadlineMs }: RequestContext): Promise<LookupResult> {
    return this.#batcher.add({ request, requestId, deadlineMs })
  }

  async #run(batch: Pending[]): Promise<LookupResult[]> {
    const { clock, random, tuning, send } = this.#deps
    const deadlineMs = Math.min(...batch.map((pending) => pending.deadlineMs))
    const requests = batch.map((pending) => pending.request)
    for (let attempt = 1; ; attempt += 1) {
      const leftMs = deadlineMs - clock.monotonicMs()
      if (leftMs <= 0) throw new DfsError('UNAVAILABLE', 'the master does not answer')
      try {
        const { results } = await send(requests, {
          timeoutMs: Math.min(leftMs, tuning.lookupTimeoutMs),
          requestId: nameBatch(batch),
        })
        return [...results]
      } catch (error) {
        if (!(error instanceof TransportError)) throw error
      }
      await clock.sleep(backoffMs(attempt, RETRY_BACKOFF, random))
    }
  }
}
