/**
 * A client of the simulated cluster that does one operation after the other and writes down what it was told. Each content
 * names the write that made it and is checked byte by byte when it is read, so whatever is read is either exactly what one
 * write has stored or an error at once.
 *
 * What the catalogue promises is taken at its word: an error that says "nothing happened" counts as a promise, and one that
 * is not of the kinds that a node may give fails the run.
 */
import { type ChunkServer } from '@dfs/chunk-server'
import { concatBytes, fromUtf8, QueueFullError, TransportError, utf8 } from '@dfs/core'
import { type HistoryRecorder, type Operation, type Outcome } from '@dfs/linearizability'
import { type CommandBody, DfsError, ERRORS, formatEtag, parseFilePath, UNCONDITIONAL } from '@dfs/protocol'
import { type SimRandom, type Simulation } from '@dfs/sim-runtime'

/** Longer than any deadline of a node: what has no answer by then has none at all. */
const PATIENCE_MS = 60_000
const PIECE_BYTES = 48 * 1024
const CONTEXT = { requestId: 'simulated' }
/** Answers that are facts about the file and no refusals. */
const FACTS: ReadonlySet<string> = new Set(['FILE_NOT_FOUND', 'FILE_EXISTS', 'PRECONDITION_FAILED'])

export interface RecordingClientOptions {
  readonly name: string
  readonly simulation: Simulation
  readonly recorder: HistoryRecorder
  readonly random: SimRandom
}

type Put = Extract<Operation, { kind: 'put' }>

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

  /** Carries out one operation at `server`. Resolves to what was told, which is recorded already. */
  async perform(server: ChunkServer, operation: Operation): Promise<Outcome> {
    const { recorder, name } = this.#options
    const call = recorder.begin(name, operation)
    const outcome = await this.#orNoAnswer(tell(() => carryOut(server, operation)))
    call.end(outcome)
    return outcome
  }

  /** Where the node is gone, its promise never settles; a real client sees a broken connection or gives up. */
  #orNoAnswer(outcome: Promise<Outcome>): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const patience = this.#options.simulation.schedule(PATIENCE_MS, 'client gives up', () =>
        resolve({ kind: 'unknown', reason: 'no answer' }),
      )
      outcome.then(resolve, reject).finally(() => patience.cancel())
    })
  }
}

async function tell(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof QueueFullError) return { kind: 'refused', reason: error.message }
    if (error instanceof TransportError) {
      return { kind: error.wasSent ? 'unknown' : 'refused', reason: error.message }
    }
    if (!(error instanceof DfsError))
      throw new Error('a node gave an error of no agreed kind', { cause: error })
    const { status, retry } = ERRORS[error.code]
    if (FACTS.has(error.code)) return { kind: 'answered', status }
    return { kind: retry === 'same-id' ? 'unknown' : 'refused', reason: error.message }
  }
}

function carryOut(server: ChunkServer, operation: Operation): Promise<Outcome> {
  switch (operation.kind) {
    case 'put':
      return put(server, operation)
    case 'read':
      return read(server, operation.name)
    case 'delete':
      return command(server, {
        kind: 'delete',
        path: parseFilePath(operation.name),
        precondition: UNCONDITIONAL,
      })
    case 'rename':
      return command(server, {
        kind: 'move',
        from: parseFilePath(operation.from),
        to: parseFilePath(operation.to),
      })
    default:
      throw new Error(`this client has no ${operation.kind}`)
  }
}

async function put(server: ChunkServer, { name, value, ifMatch, ifNoneMatch }: Put): Promise<Outcome> {
  const content = contentOf(value)
  let at = 0
  const body = {
    next: async () => {
      const piece = content.subarray(at, at + PIECE_BYTES)
      at += piece.byteLength
      return piece.byteLength === 0 ? null : piece
    },
  }
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
  }
  const { operation, created } = await server.files.write(request, body, CONTEXT)
  return { kind: 'answered', status: created ? 201 : 200, etag: formatEtag(operation) }
}

async function read(server: ChunkServer, name: string): Promise<Outcome> {
  const file = await server.files.read({ path: parseFilePath(name), version: null }, CONTEXT)
  const pieces: Uint8Array[] = []
  for await (const piece of file.stream(null)) pieces.push(piece.slice())
  const bytes = concatBytes(pieces)
  const value = fromUtf8(bytes.subarray(0, bytes.indexOf(0)))
  if (!Buffer.from(bytes).equals(contentOf(value)))
    throw new Error(`wrong bytes in ${name}: not all of ${value}`)
  return { kind: 'answered', status: 200, value, etag: formatEtag(file.info.version) }
}

async function command(server: ChunkServer, body: CommandBody): Promise<Outcome> {
  const { created } = await server.namespace.execute(body, CONTEXT)
  return { kind: 'answered', status: body.kind === 'move' && created ? 201 : 200 }
}

/** The value and a zero byte, then bytes that follow from the value alone, up to the size that it names. */
function contentOf(value: string): Uint8Array {
  const head = utf8(`${value}\0`)
  const size = Number(value.slice(value.indexOf(':') + 1))
  const content = new Uint8Array(Math.max(size, head.byteLength))
  let state = head.reduce((sum, byte) => Math.imul(sum ^ byte, 0x01000193), 0x811c9dc5)
  for (let at = head.byteLength; at < content.byteLength; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    content[at] = state >>> 24
  }
  content.set(head)
  return content
}
