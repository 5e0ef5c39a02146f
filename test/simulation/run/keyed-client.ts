/**
 * A client that gives each change an idempotency key and repeats it, at any server, until the answer is definite: what it
 * meets is latency. The whole of its attempts is one operation of the history.
 */
import { type ChunkServer } from '@dfs/chunk-server'
import { fromUtf8, QueueFullError, TransportError, utf8 } from '@dfs/core'
import { type HistoryRecorder, type Operation, type Outcome } from '@dfs/linearizability'
import { type CommandBody, DfsError, ERRORS, formatEtag, parseFilePath, UNCONDITIONAL } from '@dfs/protocol'
import { type SimRandom } from '@dfs/sim-runtime'
import { type SimCluster } from '../sim-cluster.ts'
import { contextAt, getFile, writeFile } from '../sim-files.ts'

/** How long one attempt is waited for: shorter than a server tries, so that repeated requests overtake each other. */
const PATIENCE_MS = 3000
const PAUSE_MS = 500
const ATTEMPTS_MAX = 500
const FACTS: ReadonlySet<string> = new Set(['FILE_NOT_FOUND', 'FILE_EXISTS', 'PRECONDITION_FAILED'])

export interface KeyedClientOptions {
  readonly name: string
  readonly cluster: SimCluster
  readonly recorder: HistoryRecorder
  readonly random: SimRandom
}

export class KeyedClient {
  readonly #options: KeyedClientOptions
  #keys = 0
  /** Answers that were those of an earlier attempt. */
  replays = 0
  attempts = 0

  constructor(options: KeyedClientOptions) {
    this.#options = options
  }

  async perform(operation: Operation): Promise<Outcome> {
    const { name, recorder } = this.#options
    this.#keys += 1
    const call = recorder.begin(name, operation)
    const outcome = await this.#untilDefinite(operation, `${name} ${this.#keys}`)
    call.end(outcome)
    return outcome
  }

  async #untilDefinite(operation: Operation, key: string): Promise<Outcome> {
    const { cluster, random } = this.#options
    const { chunkNodes } = cluster
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const server = cluster.serverIfUp(chunkNodes[random.int(chunkNodes.length)]!)
      if (server !== null) {
        this.attempts += 1
        const outcome = await this.#orNull(tell(() => this.#carryOut(server, operation, key)))
        if (outcome !== null) return outcome
      }
      await this.#pause(random.int(PAUSE_MS))
    }
    return { kind: 'unknown', reason: `${ATTEMPTS_MAX} attempts without an answer` }
  }

  async #carryOut(server: ChunkServer, operation: Operation, key: string): Promise<Outcome> {
    switch (operation.kind) {
      case 'put': {
        const { name, value, ifNoneMatch = null } = operation
        const precondition = { ...UNCONDITIONAL, ifNoneMatch }
        const reply = await writeFile(server, name, contentOf(value), { precondition, key })
        this.replays += reply.isReplay === true ? 1 : 0
        return {
          kind: 'answered',
          status: reply.created ? 201 : 200,
          etag: formatEtag(reply.info.version),
        }
      }
      case 'read': {
        const bytes = await getFile(server, operation.name)
        return { kind: 'answered', status: 200, value: fromUtf8(bytes.subarray(0, bytes.indexOf(0))) }
      }
      case 'rename': {
        const [from, to] = [parseFilePath(operation.from), parseFilePath(operation.to)]
        return this.#execute(server, { kind: 'move', from, to, key })
      }
      case 'delete': {
        const path = parseFilePath(operation.name)
        return this.#execute(server, { kind: 'delete', path, precondition: UNCONDITIONAL, key })
      }
      default:
        throw new Error(`this client has no ${operation.kind}`)
    }
  }

  async #execute(server: ChunkServer, command: CommandBody): Promise<Outcome> {
    const { isReplay } = await server.namespace.execute(command, contextAt(server))
    this.replays += isReplay === true ? 1 : 0
    return { kind: 'answered', status: 200 }
  }

  /** Null where there is no answer in time. */
  #orNull(outcome: Promise<Outcome | null>): Promise<Outcome | null> {
    return new Promise((resolve, reject) => {
      const patience = this.#options.cluster.simulation.schedule(PATIENCE_MS, 'client tries again', () =>
        resolve(null),
      )
      outcome.then(resolve, reject).finally(() => patience.cancel())
    })
  }

  #pause(ms: number): Promise<void> {
    const { simulation } = this.#options.cluster
    return new Promise((resolve) => void simulation.schedule(ms, 'client pauses', resolve))
  }
}

/** Null where the same must be tried again. */
async function tell(work: () => Promise<Outcome>): Promise<Outcome | null> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof QueueFullError || error instanceof TransportError) return null
    if (!(error instanceof DfsError)) throw error
    const { status, retry } = ERRORS[error.code]
    if (FACTS.has(error.code)) return { kind: 'answered', status }
    if (retry === 'no') throw error
    return null
  }
}

/** The value, and zeros up to the size behind its colon. */
function contentOf(value: string): Uint8Array {
  const head = utf8(`${value}\0`)
  const content = new Uint8Array(Math.max(head.byteLength, Number(value.slice(value.indexOf(':') + 1))))
  content.set(head)
  return content
}
