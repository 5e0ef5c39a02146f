/**
 * A backup of the metadata on its way in. It comes from the master alone, and cannot be resumed: the next one would be of another
 * moment. Its length and its checksum are compared at the end, so whoever has read it to its end has all of it.
 */
import { type BackupInfo, HEADERS, parsePosition } from '@dfs/protocol'
import { type Answer, type Caller } from './caller.ts'
import { crc32, formatCrc32 } from './checksum.ts'
import { type BackupDownload, type CallOptions } from './contract.ts'
import { connectionError } from './http.ts'
import { CLIENT_LIMITS } from './options.ts'
import { type Questions } from './questions.ts'
import { RequestError } from './request-error.ts'
import { type ServerDirectory } from './servers.ts'
import { SilenceError } from './watchdog.ts'

/** The next piece may wait for the master's disk. */
const PIECE_MS_MAX = CLIENT_LIMITS.attemptTimeoutMs

export interface BackupAsk {
  readonly caller: Caller
  readonly questions: Questions
  /** Any of them says where the master is. */
  readonly nodes: Pick<ServerDirectory, 'entryUrl'>
}

export async function openBackup(
  { caller, questions, nodes: { entryUrl } }: BackupAsk,
  { signal }: CallOptions,
): Promise<BackupDownload> {
  const { masterUrl, error } = await questions.workersOf({ node: 'entry', url: entryUrl }, signal)
  if (masterUrl === null) {
    const detail = error ?? `${entryUrl} does not know the master yet`
    throw new RequestError('UNAVAILABLE', detail, { status: null, requestId: null })
  }
  const only = { isContent: false, isChange: false, origin: new URL(masterUrl).origin } as const
  const call = { ...only, method: 'GET', target: '/v1/backup', signal } as const
  const answer = await caller.run(call, async (each) => each, true)
  const cancel = (): void => {
    answer.reply.body.destroy()
    answer.watchdog.end()
  }
  try {
    const info = infoOf(answer)
    const body = piecesOf(answer, info)
    return { info, body, [Symbol.asyncDispose]: async () => cancel() }
  } catch (wrong) {
    cancel()
    throw wrong
  }
}

async function* piecesOf(answer: Answer, info: BackupInfo): AsyncGenerator<Uint8Array> {
  const { reply, watchdog } = answer
  const pieces = reply.body[Symbol.asyncIterator]()
  let [count, sum] = [0, 0]
  try {
    while (true) {
      watchdog.start(PIECE_MS_MAX)
      const next = await pieces.next().catch((error: unknown) => {
        throw whyBroken(answer, error)
      })
      watchdog.pause()
      if (next.done === true) break
      count += next.value.byteLength
      sum = crc32(next.value, sum)
      yield next.value
    }
    checkWhole(answer, info, { count, sum: formatCrc32(sum) })
  } finally {
    reply.body.destroy()
    watchdog.end()
  }
}

function checkWhole(answer: Answer, info: BackupInfo, came: { count: number; sum: string }): void {
  const said = answer.reply.trailers[HEADERS.crc32] ?? 'none'
  if (came.count !== info.bytesTotal)
    throw unavailable(answer, `${came.count} of ${info.bytesTotal} bytes came`)
  if (came.sum !== said)
    throw unavailable(answer, `the bytes that came have the CRC-32 ${came.sum}, and ${said} was sent`)
}

/** The reason of the caller's signal, or that the connection failed. */
function whyBroken(answer: Answer, error: unknown): unknown {
  const { signal } = answer.watchdog
  if (!signal.aborted) return unavailable(answer, connectionError(answer.reply.origin, error).message, error)
  const { reason } = signal
  return reason instanceof SilenceError ? unavailable(answer, reason.message, reason) : reason
}

const unavailable = ({ reply, requestId }: Answer, detail: string, cause?: unknown): RequestError =>
  new RequestError('UNAVAILABLE', `the backup broke off: ${detail}`, {
    status: reply.status,
    requestId,
    cause,
  })

/** Throws UNAVAILABLE if the answer lacks what the contract promises. */
function infoOf(answer: Answer): BackupInfo {
  const { headers, origin } = answer.reply
  const position = parsePosition(headers[HEADERS.position] ?? '')
  const [schema, bytesTotal] = [Number(headers[HEADERS.schema]), Number(headers[HEADERS.size])]
  const clusterId = headers[HEADERS.clusterId]
  const isRight = Number.isSafeInteger(schema) && Number.isSafeInteger(bytesTotal)
  if (position === null || clusterId === undefined || !isRight)
    throw unavailable(answer, `the answer of ${origin} does not say what it is`)
  return { clusterId, position, schema, bytesTotal }
}
