/**
 * A client of the simulated cluster that does one operation after the other and writes down what it was told. Each content
 * names the write that made it and is checked byte by byte when it is read, so whatever is read is either exactly what one
 * write has stored or an error at once.
 *
 * What the catalogue promises is taken at its word: an error that says "nothing happened" counts as a promise, and one that
 * is not of the kinds that a node may give fails the run.
 */
import { type ChunkServer } from '@dfs/chunk-server'
import { type Clock, QueueFullError, TransportError } from '@dfs/core'
import { type HistoryRecorder, type Operation, type Outcome } from '@dfs/linearizability'
import {
  type CommandBody,
  DfsError,
  ERRORS,
  formatEtag,
  type ListPage,
  type Namespace,
  parseDirectoryPath,
  parseFilePath,
  UNCONDITIONAL,
} from '@dfs/protocol'
import { type SimRandom, type Simulation } from '@dfs/sim-runtime'
import { type Invariants } from '../invariants/check-invariants.ts'
import { contextAt } from '../sim-files.ts'
import { contentOf, valueOf } from './content.ts'
import {
  drawPace,
  PROMPT,
  readFile,
  type ReaderPace,
  type Reading,
  type ReadingCounts,
  TAKING_MS_MAX,
} from './reading.ts'

/** Longer than any deadline of a node, on the slowest clock: what has no answer by then has none at all. */
export const PATIENCE_MS = 90_000
const PIECE_BYTES = 48 * 1024
/** Small, so that listings have pages. */
const LIST_ENTRIES = 4
/** Answers that are facts about the file and no refusals. */
const FACTS: ReadonlySet<string> = new Set(['FILE_NOT_FOUND', 'FILE_EXISTS', 'PRECONDITION_FAILED'])

/** A node as clients see it. The master passes on what is written, and has nothing to read. */
export interface Door {
  readonly clock: Clock
  readonly namespace: Namespace
  readonly write: ChunkServer['files']['write']
  readonly read: ChunkServer['files']['read'] | null
}

export interface RecordingClientOptions {
  readonly name: string
  readonly simulation: Simulation
  readonly recorder: HistoryRecorder
  readonly random: SimRandom
  readonly invariants: Invariants
  /** The time that this client takes before each piece that it reads, at most; 0 for a prompt one that reads to the end. */
  readonly readerPauseMs: number
  readonly readings: ReadingCounts
}

export type Put = Extract<Operation, { kind: 'put' }>

/** An operation of the history that has begun: tried at one node or at several, and ended once. */
export interface PendingCall {
  /** Never rejects where a node gives an error of an agreed kind. */
  attempt(door: Door, options: AttemptOptions): Promise<Outcome>
  end(outcome: Outcome): void
}

interface AttemptOptions {
  /** Idempotency key, for a write. */
  readonly key?: string
  readonly patienceMs: number
  /** For a read. */
  readonly pace?: ReaderPace
  /** Called with what the node has answered, however late. */
  readonly onAnswer?: (answer: Outcome) => void
}

/** How an operation is carried out. */
interface Manner extends Pick<Reading, 'pace' | 'onVersion'> {
  readonly key: string | undefined
}

export class RecordingClient {
  readonly #options: RecordingClientOptions
  #writesCount = 0

  constructor(options: RecordingClientOptions) {
    this.#options = options
  }

  /** A name for the content of the next write; the content follows from it, and so does its size. */
  nextValue(size: number): string {
    this.#writesCount += 1
    return `${this.#options.name}.${this.#writesCount}:${size}`
  }

  /** Carries out one operation at `door`. Resolves to what was told, which is recorded already. */
  async perform(door: Door, operation: Operation): Promise<Outcome> {
    const call = this.begin(operation)
    const pace = operation.kind === 'read' ? this.#drawPace() : PROMPT
    // What a slow reader takes of its own time is not the node's.
    const patienceMs = pace === PROMPT ? PATIENCE_MS : PATIENCE_MS + TAKING_MS_MAX
    const outcome = await call.attempt(door, { patienceMs, pace })
    call.end(outcome)
    return outcome
  }

  /** Records that an operation has begun. */
  begin(operation: Operation): PendingCall {
    const { recorder, name } = this.#options
    const call = recorder.begin(name, operation)
    return {
      attempt: (door, { key, patienceMs, pace = PROMPT, onAnswer }) => {
        const answer = tell(() =>
          this.#carryOut(door, operation, { key, pace, onVersion: () => call.decided() }),
        )
        return this.#orNoAnswer(
          answer.then((outcome) => {
            onAnswer?.(outcome)
            return outcome
          }),
          patienceMs,
        )
      },
      end: (outcome) => call.end(outcome),
    }
  }

  #drawPace(): ReaderPace {
    const { random, readerPauseMs } = this.#options
    return readerPauseMs === 0 ? PROMPT : drawPace(random, readerPauseMs)
  }

  /** Where the node is gone, its promise never settles; a real client sees a broken connection or gives up. */
  #orNoAnswer(outcome: Promise<Outcome>, patienceMs: number): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const patience = this.#options.simulation.schedule(patienceMs, 'client gives up', () =>
        resolve({ kind: 'unknown', reason: NO_ANSWER }),
      )
      outcome.then(resolve, reject).finally(() => patience.cancel())
    })
  }

  #carryOut(door: Door, operation: Operation, { key, ...manner }: Manner): Promise<Outcome> {
    switch (operation.kind) {
      case 'put':
        return this.#put(door, operation, key)
      case 'read':
        return this.#read(door, operation.name, manner)
      case 'list':
        return list(door, operation.prefix)
      case 'delete':
        return command(door, {
          kind: 'delete',
          path: parseFilePath(operation.name),
          precondition: UNCONDITIONAL,
        })
      case 'rename':
        return command(door, {
          kind: 'move',
          from: parseFilePath(operation.from),
          to: parseFilePath(operation.to),
        })
      case 'create':
        throw new Error('this client creates by writing')
    }
  }

  async #put(
    door: Door,
    { name, value, ifMatch, ifNoneMatch }: Put,
    key: string | undefined,
  ): Promise<Outcome> {
    const { invariants } = this.#options
    const content = contentOf(value)
    invariants.sent(content)
    const request = {
      path: parseFilePath(name),
      precondition: {
        ifMatch: ifMatch === undefined ? null : [Number.parseInt(ifMatch.slice(1, -1), 16)],
        ifNoneMatch: ifNoneMatch ?? null,
        mustCreate: false,
      },
      contentType: 'application/octet-stream',
      executable: false,
      declaredSize: content.byteLength,
      digests: [],
      ...(key === undefined ? null : { key }),
    }
    const { operation, created, copies, isReplay } = await door.write(
      request,
      bodyOf(content),
      contextAt(door),
    )
    invariants.acknowledged({ operation, copies, isReplay: isReplay === true })
    return { kind: 'answered', status: created ? 201 : 200, etag: formatEtag(operation) }
  }

  async #read(door: Door, name: string, manner: Omit<Manner, 'key'>): Promise<Outcome> {
    const { simulation, invariants, random, readings: counts } = this.#options
    const { gaveUp, ...read } = await readFile(door, name, { simulation, random, counts, ...manner })
    invariants.returned(read)
    if (gaveUp) return { kind: 'unknown', reason: GAVE_UP }
    const { info, bytes } = read
    const value = valueOf(invariants.contentOf(info) ?? bytes)
    return { kind: 'answered', status: 200, value, etag: formatEtag(info.version) }
  }
}

/** The reason of a read that its client did not want to the end. */
export const GAVE_UP = 'the client gave up'
/** The reason of an outcome that never came. */
const NO_ANSWER = 'no answer'

export const isSilent = (outcome: Outcome): boolean =>
  outcome.kind === 'unknown' && outcome.reason === NO_ANSWER

async function tell(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof QueueFullError) return { kind: 'refused', reason: error.message }
    if (error instanceof TransportError) {
      return { kind: error.wasSent ? 'unknown' : 'refused', reason: error.message }
    }
    // INTERNAL is of the catalogue, but says of itself that it is a bug.
    if (!(error instanceof DfsError) || error.code === 'INTERNAL')
      throw new Error('a node gave an error of no agreed kind', { cause: error })
    const { status, retry } = ERRORS[error.code]
    if (FACTS.has(error.code)) return { kind: 'answered', status }
    return { kind: retry === 'same-id' ? 'unknown' : 'refused', reason: error.message }
  }
}

function bodyOf(content: Uint8Array): { next(): Promise<Uint8Array | null> } {
  let at = 0
  return {
    next: async () => {
      const piece = content.subarray(at, at + PIECE_BYTES)
      at += piece.byteLength
      return piece.byteLength === 0 ? null : piece
    },
  }
}

async function command(door: Door, body: CommandBody): Promise<Outcome> {
  const { created } = await door.namespace.execute(body, contextAt(door))
  return { kind: 'answered', status: body.kind === 'move' && created ? 201 : 200 }
}

/** The directory is made with the first file in it. */
function nothingThere(error: unknown): null {
  if (error instanceof DfsError && error.code === 'DIRECTORY_NOT_FOUND') return null
  throw error
}

/** All names in the directory that `prefix` is, page by page. */
async function list(door: Door, prefix: string): Promise<Outcome> {
  const names: string[] = []
  const path = parseDirectoryPath(prefix.slice(0, -1))
  for (let after: string | null = null; ; after = names.at(-1)!.slice(prefix.length)) {
    const request = { path, recursive: false, after, entriesMax: LIST_ENTRIES }
    const page: ListPage | null = await door.namespace.list(request, contextAt(door)).catch(nothingThere)
    names.push(...(page?.entries ?? []).map(({ path: name }) => `${prefix}${name}`))
    if (page?.hasMore !== true) return { kind: 'answered', status: 200, names }
  }
}
