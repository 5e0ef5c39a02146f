/** What is asked of the cluster as a whole, and not of a file in it: how copies are, what is made again, what a new history has found. */
import { assert } from '@dfs/core'
import {
  type CopyCheck,
  type CopyCheckView,
  type Explanation,
  type RecoveryView,
  type RemovalView,
  REPAIRS_LIMIT_DEFAULT,
  type RepairsView,
  SALVAGED_LIMIT_DEFAULT,
  type WeakFiles,
  type WeakState,
} from '@dfs/protocol'
import { readJson } from './answers.ts'
import { type Call, type Caller } from './caller.ts'
import {
  type CallOptions,
  type ExplainOptions,
  type RemoveServerOptions,
  type WeakFilesOptions,
} from './contract.ts'
import { pages } from './pages.ts'
import { explanationOf, removalOf, weakFilesQuery } from './requests.ts'

const read = { isContent: false, isChange: false } as const
const change = { isContent: false, isChange: true } as const

export class ClusterOperations {
  readonly #caller: Caller

  constructor(caller: Caller) {
    this.#caller = caller
  }

  async explain(path: string, options: ExplainOptions = {}): Promise<Explanation> {
    return await this.read(explanationOf(path, options), options)
  }

  weakFiles(state: WeakState, options: WeakFilesOptions = {}): AsyncIterable<WeakFiles> {
    const query = weakFilesQuery(state, options)
    return pages(query, 'after', () => this.read(`/v1/explain?${query.toString()}`, options))
  }

  repairs(options: CallOptions = {}): AsyncIterable<RepairsView> {
    const query = new URLSearchParams({ limit: String(REPAIRS_LIMIT_DEFAULT) })
    return pages(query, 'before', () => this.read(`/v1/repairs?${query.toString()}`, options))
  }

  recovery(options: CallOptions = {}): AsyncIterable<RecoveryView> {
    const query = new URLSearchParams({ limit: String(SALVAGED_LIMIT_DEFAULT) })
    return pages(query, 'before', () => this.read(`/v1/recovery?${query.toString()}`, options))
  }

  async confirmRecovery(options: CallOptions = {}): Promise<RecoveryView> {
    return await this.#order('/v1/recovery/confirmations', options)
  }

  async removeServer(name: string, options: RemoveServerOptions = {}): Promise<RemovalView> {
    // Whoever asks twice changes nothing twice: it needs no key.
    const call: Call = { ...read, ...removalOf(name, options), signal: options.signal }
    return await this.#caller.run(call, (answer) => readJson<RemovalView>(answer))
  }

  async startCheck(options: CallOptions = {}): Promise<CopyCheck> {
    const { check } = await this.#order<CopyCheckView>('/v1/checks', options)
    assert(check !== null, 'a check that was started is there')
    return check
  }

  async check(options: CallOptions = {}): Promise<CopyCheck | null> {
    const { check } = await this.read<CopyCheckView>('/v1/checks', options)
    return check
  }

  protected async read<T>(target: string, { signal }: CallOptions): Promise<T> {
    return await this.#caller.run({ ...read, method: 'GET', target, signal }, (answer) => readJson<T>(answer))
  }

  /** A change that is named by its target alone. */
  async #order<T>(target: string, { signal }: CallOptions): Promise<T> {
    const headers = { 'content-length': '0' }
    return await this.#caller.run({ ...change, method: 'POST', target, signal, headers }, (answer) =>
      readJson<T>(answer),
    )
  }
}
