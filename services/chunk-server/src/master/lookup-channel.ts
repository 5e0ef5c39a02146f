/**
 * Look-ups at the master, in batches. A look-up joins only a batch that leaves after it was asked (R16): it sees
 * everything that was committed before. Each is answered by its own deadline, whatever batch it travels in.
 */
import { backoffMs, Batcher, type Clock, type Deadlines, type Random, TransportError } from '@dfs/core'
import {
  clientHasLeft,
  DfsError,
  type Lookup,
  type LookupResult,
  type LookupsReply,
  type RequestContext,
} from '@dfs/protocol'
import { type BatchFigures } from '../batch-figures.ts'
import { type Tuning } from '../tuning.ts'
import { nameBatch } from './commit-channel.ts'

const QUEUE_MAX = 16_384
const IN_FLIGHT_MAX = 2
const RETRY_BACKOFF = { firstMs: 20, msMax: 500 }

export interface LookupChannelDeps {
  readonly figures?: BatchFigures
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly random: Random
  readonly tuning: Tuning
  readonly send: (
    requests: readonly Lookup[],
    options: { timeoutMs: number; requestId: string },
  ) => Promise<LookupsReply>
}

interface Pending {
  readonly request: Lookup
  readonly context: RequestContext
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
      whyOver: ({ context }) => this.#whyOver(context),
      sizes: deps.figures?.lookups,
    })
  }

  /** UNAVAILABLE if the master does not answer in time. */
  lookup(request: Lookup, context: RequestContext): Promise<LookupResult> {
    const found = this.#batcher.add({ request, context })
    return this.#deps.deadlines.within(context.deadlineMs, found, noAnswer)
  }

  #whyOver({ deadlineMs, signal }: RequestContext): Error | null {
    if (this.#deps.clock.monotonicMs() >= deadlineMs) return noAnswer()
    return signal?.aborted === true ? clientHasLeft() : null
  }

  /** Goes on until the latest deadline: those who had to be told before are told. */
  async #run(batch: readonly Pending[]): Promise<LookupResult[]> {
    const { clock, random, tuning, send } = this.#deps
    const deadlineMs = Math.max(...batch.map(({ context }) => context.deadlineMs))
    const requests = batch.map(({ request }) => request)
    const requestId = nameBatch(batch.map(({ context }) => context))
    for (let attempt = 1; ; attempt += 1) {
      const leftMs = deadlineMs - clock.monotonicMs()
      if (leftMs <= 0) throw noAnswer()
      try {
        const { results } = await send(requests, {
          timeoutMs: Math.min(leftMs, tuning.lookupTimeoutMs),
          requestId,
        })
        return [...results]
      } catch (error) {
        if (!(error instanceof TransportError)) throw error
      }
      await clock.sleep(backoffMs(attempt, RETRY_BACKOFF, random))
    }
  }
}

const noAnswer = (): DfsError => new DfsError('UNAVAILABLE', 'the master does not answer')
