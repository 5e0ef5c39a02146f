/** Answers of the REST contract as what the client's methods return. */
import { type ChangeView, type FileView, HEADERS } from '@dfs/protocol'
import { type Answer } from './caller.ts'
import { formatCrc32 } from './checksum.ts'
import { type ChangeResult, type PutResult } from './contract.ts'
import { readText } from './http.ts'
import { parseDurability } from './receipt.ts'
import { RequestError } from './request-error.ts'
import { type OpenedSource } from './source.ts'

/** A JSON answer of the contract; the server has validated it against the schema that `T` comes from. */
export async function readJson<T>({ reply, requestId }: Answer): Promise<T> {
  const text = await readText(reply)
  try {
    return JSON.parse(text) as T
  } catch (error) {
    const detail = `the answer of ${reply.origin} is not JSON`
    throw new RequestError('UNAVAILABLE', detail, { status: reply.status, requestId, cause: error })
  }
}

/** The answer to a change that is no write: 204, or a small view. */
export async function changedAs(answer: Answer): Promise<ChangeResult> {
  const header = answer.reply.headers[HEADERS.operation]
  const isEmpty = answer.reply.status === 204
  const view = isEmpty ? null : await readJson<Partial<ChangeView>>(answer)
  return { operation: header ?? view?.operation ?? null }
}

/** The answer to a write; what was stored is compared with what was sent. */
export async function writtenAs(answer: Answer, sent: OpenedSource | null): Promise<PutResult> {
  const view = await readJson<FileView>(answer)
  const { reply, requestId } = answer
  if (sent !== null && formatCrc32(sent.crc32) !== view.crc32) {
    const detail = `${reply.origin} stored bytes with the CRC-32 ${view.crc32}, but ${formatCrc32(sent.crc32)} was sent`
    throw new RequestError('INTERNAL', detail, { status: reply.status, requestId })
  }
  return {
    ...view,
    created: reply.status === 201,
    operation: reply.headers[HEADERS.operation] ?? null,
    durability: parseDurability(reply.headers[HEADERS.durability]),
  }
}
