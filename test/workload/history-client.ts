/**
 * A client of real nodes that writes down what it did and what it was told. Each content names the write that made it and is
 * compared byte by byte, so what is read is either one whole version or an error at once.
 *
 * Every change is repeated under its idempotency key until it is answered, so one operation of the history is one change, or
 * none, however often it was sent.
 */
import { type ClientLimits, type DfsClient } from '@dfs/client'
import { type HistoryRecorder, type Operation, type Outcome } from '@dfs/linearizability'
import { DfsError, ERRORS, type ErrorCode } from '@dfs/protocol'
import { contentOfValue, valueOf } from './self-describing.ts'

/** Answers that are facts about the file and no refusals. */
const FACTS: ReadonlySet<ErrorCode> = new Set(['FILE_NOT_FOUND', 'FILE_EXISTS', 'PRECONDITION_FAILED'])

export interface HistoryClientOptions {
  readonly name: string
  readonly makeClient: (limits: Partial<ClientLimits>) => DfsClient
  readonly recorder: HistoryRecorder
}

/** Somewhat longer than a node takes to start again. */
const PATIENT: Partial<ClientLimits> = { deadlineMs: 10_000 }

export class HistoryClient {
  readonly #options: HistoryClientOptions
  readonly #client: DfsClient

  constructor(options: HistoryClientOptions) {
    this.#options = options
    this.#client = options.makeClient(PATIENT)
  }

  /** Carries out one operation; resolves to what was told, which is recorded already. Rejects for what nobody may be told. */
  async perform(operation: Operation): Promise<Outcome> {
    const { recorder, name } = this.#options
    const call = recorder.begin(name, operation)
    const outcome = await carryOut(this.#client, operation).catch((error: unknown) =>
      toldBy(error, operation),
    )
    call.end(outcome)
    return outcome
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close()
  }
}

async function carryOut(client: DfsClient, operation: Operation): Promise<Outcome> {
  switch (operation.kind) {
    case 'put': {
      const { name, value, ifMatch, ifNoneMatch } = operation
      const options = {
        ...(ifMatch === undefined ? {} : { ifMatch }),
        ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
      }
      const { etag, created } = await client.put(name, contentOfValue(value), options)
      return { kind: 'answered', status: created ? 201 : 200, etag }
    }
    case 'create': {
      const { etag } = await client.create(operation.name)
      return { kind: 'answered', status: 201, etag }
    }
    case 'read':
      return await read(client, operation.name)
    case 'delete':
      await client.remove(
        operation.name,
        operation.ifMatch === undefined ? {} : { ifMatch: operation.ifMatch },
      )
      return { kind: 'answered', status: 204 }
    case 'rename':
      await client.move(operation.from, operation.to)
      return { kind: 'answered', status: 204 }
    case 'list':
      throw new Error('this client does not list')
  }
}

async function read(client: DfsClient, name: string): Promise<Outcome> {
  await using download = await client.get(name)
  const bytes = Buffer.concat(await Array.fromAsync(download.body))
  return answeredRead(bytes, download.info.etag)
}

/** The outcome of a read that brought these bytes; throws where they are no whole version. */
export function answeredRead(bytes: Uint8Array, etag: string): Outcome {
  // An empty file does not say who made it; its entity tag does.
  const value = bytes.byteLength === 0 ? {} : { value: valueOf(bytes) }
  return { kind: 'answered', status: 200, etag, ...value }
}

function toldBy(error: unknown, { kind }: Operation): Outcome {
  if (!(error instanceof DfsError) || isBug(error)) throw error
  const { code, message: reason } = error
  const { status, retry } = ERRORS[code]
  if (kind === 'read') {
    return code === 'FILE_NOT_FOUND' ? { kind: 'answered', status } : { kind: 'refused', reason }
  }
  if (FACTS.has(code)) return { kind: 'answered', status }
  return { kind: retry === 'same-id' ? 'unknown' : 'refused', reason }
}

/** Also where the client, because it cannot know the outcome, says no more than that. */
const isBug = (error: unknown): boolean =>
  error instanceof DfsError && (error.code === 'INTERNAL' || isBug(error.cause))
