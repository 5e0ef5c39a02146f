/** Answers to the messages of the chunk ports: each becomes one call to the store, each result one reply. */
import {
  assert,
  byteCount,
  concatBytes,
  DeadlineError,
  fromUtf8,
  InvariantError,
  type Log,
  QueueFullError,
} from '@dfs/core'
import {
  CREATED_CONTENT,
  DfsError,
  encodeContent,
  encodeContentBase64,
  encodeContentLength,
  encodeReply,
  type FilePath,
  type FileRequest,
  KIB,
  type LineEnding,
  LINE_REPLIES,
  lineTokenOf,
  ORIGINAL_REPLY_BYTES_MAX,
  READ_BYTES_MAX,
} from '@dfs/protocol'
import { type ByteBudget } from './byte-budget.ts'
import { type IncomingBody } from './incoming-body.ts'
import { type LineStore, type StoredFile } from './ports.ts'
import { type SlowReaders } from './slow-readers.ts'
import { type StreamPlaces } from './stream-places.ts'

/** What is gathered of a content that is sent as it is read. */
const STREAM_PIECE_BYTES = 64 * KIB

export interface FileContext {
  readonly store: LineStore
  readonly budget: ByteBudget
  /** Places for transfers that hold a connection of the store: those out, and those in. */
  readonly downloads: StreamPlaces
  readonly uploads: StreamPlaces
  readonly slowReaders: SlowReaders
  /** Runs a call with the deadline for storage. */
  readonly withinDeadline: <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>
  /** Whether the client is one of the originals, which read 1024 bytes of a reply and no more. */
  readonly isOriginal: boolean
  readonly send: (bytes: Uint8Array) => Promise<void>
  /** Ends the connection at once. */
  readonly reset: () => void
  /** Aborts when nobody is there to receive the reply. */
  readonly gone: AbortSignal
  readonly log: Log
}

/**
 * Carries a request out and sends its one reply. `incoming` is the body of a WRITE_FILE_LEN, of which the store may leave
 * a part unread. Resolves to the token that was sent, null if it was content. Throws {@link BrokenReplyError} if a reply broke off midway.
 */
export async function answerFile(
  request: FileRequest,
  ending: LineEnding,
  context: FileContext,
  incoming: IncomingBody | null,
): Promise<string | null> {
  const token = await carryOut(request, ending, context, incoming).catch((error: unknown) =>
    tokenOf(error, context.log),
  )
  if (token !== null) await context.send(encodeReply(token, ending))
  return token
}

/** What is thrown if a client has got a part of a reply and cannot get the rest: the connection must break. */
export class BrokenReplyError extends Error {
  override readonly name = 'BrokenReplyError'
}

/** The token to answer, or null if the reply was sent already. */
async function carryOut(
  request: FileRequest,
  ending: LineEnding,
  context: FileContext,
  incoming: IncomingBody | null,
): Promise<string | null> {
  const { store, withinDeadline } = context
  switch (request.verb) {
    case 'CREATE_FILE':
      await withinDeadline((signal) => store.overwrite(request.path, CREATED_CONTENT, signal))
      return LINE_REPLIES.created
    case 'WRITE_FILE':
    case 'WRITE_FILE_B64': {
      const content = { size: request.content.byteLength, bytes: request.content }
      await withinDeadline((signal) => store.write(request.path, content, signal))
      return LINE_REPLIES.written
    }
    case 'WRITE_FILE_LEN':
      assert(incoming !== null, 'a WRITE_FILE_LEN has a body')
      await writeIncoming(request.path, incoming, context)
      return LINE_REPLIES.written
    case 'DELETE_FILE':
      await withinDeadline((signal) => store.remove(request.path, signal))
      return LINE_REPLIES.deleted
    case 'READ_FILE':
    case 'READ_FILE_B64':
      return await sendWhole({ path: request.path, isText: request.verb === 'READ_FILE' }, ending, context)
    case 'READ_FILE_LEN':
      return await sendStream(request.path, ending, context)
  }
}

async function writeIncoming(path: FilePath, incoming: IncomingBody, context: FileContext): Promise<void> {
  const { store, uploads, withinDeadline } = context
  if (incoming.isSmall) {
    const content = await incoming.gather()
    return await withinDeadline((signal) => store.write(path, content, signal))
  }
  const place = await uploads.take()
  try {
    // No deadline for the whole: it lasts as long as the client sends. The store bounds its own steps.
    await store.write(path, incoming.stream(place), new AbortController().signal)
  } finally {
    place.release()
  }
}

/** Text must be known to be text, and a file to be short enough, before the first byte leaves. */
async function sendWhole(
  request: { readonly path: FilePath; readonly isText: boolean },
  ending: LineEnding,
  { store, budget, withinDeadline, isOriginal, send }: FileContext,
): Promise<string | null> {
  let takenBytes = 0
  try {
    const content = await withinDeadline(async (signal) => {
      const file = await store.read(request.path, signal)
      const neededBytes = file.size * 3
      if (file.size > READ_BYTES_MAX) refuse(file, 'PAYLOAD_TOO_LARGE')
      if (!budget.take(neededBytes)) refuse(file, 'TOO_BUSY')
      takenBytes = neededBytes
      return await collect(file)
    })
    if (request.isText && !isText(content)) return LINE_REPLIES.notText
    const encode = request.isText ? encodeContent : encodeContentBase64
    const reply = encode(content, ending)
    if (isOriginal && reply.byteLength > ORIGINAL_REPLY_BYTES_MAX) return lineTokenOf('PAYLOAD_TOO_LARGE')
    await send(reply)
    return null
  } finally {
    budget.change(-takenBytes)
  }
}

async function sendStream(path: FilePath, ending: LineEnding, context: FileContext): Promise<string | null> {
  const { store, downloads, gone, withinDeadline } = context
  let place = await downloads.take()
  let file: StoredFile | null = null
  try {
    file = await withinDeadline((signal) => store.read(path, signal))
    for await (const piece of repliesOf(file, ending)) {
      if (gone.aborted) return null
      const sending = context.slowReaders.send(piece, context.send, context.reset)
      const isHeld = await place.lend(sending)
      if (!isHeld) file.pause()
      await sending
      if (!isHeld && !gone.aborted) place = await downloads.take(true)
    }
    return null
  } finally {
    file?.cancel()
    place.release()
  }
}

/** The whole reply in pieces, so that a small file leaves in one write. Throws {@link BrokenReplyError} for what breaks off. */
async function* repliesOf(file: StoredFile, ending: LineEnding): AsyncGenerator<Uint8Array, void, undefined> {
  let gathered = [encodeContentLength(file.size)]
  let readBytes = 0
  try {
    for await (const bytes of file.body) {
      gathered.push(bytes)
      readBytes += bytes.byteLength
      if (byteCount(gathered) < STREAM_PIECE_BYTES) continue
      yield concatBytes(gathered)
      gathered = []
    }
  } catch (error) {
    throw new BrokenReplyError('the content broke off', { cause: error })
  }
  if (readBytes !== file.size) throw new BrokenReplyError('the content has another length than announced')
  yield concatBytes([...gathered, encodeReply('', ending)])
}

function refuse(file: StoredFile, code: 'PAYLOAD_TOO_LARGE' | 'TOO_BUSY'): never {
  file.cancel()
  throw new DfsError(code, `${file.size} bytes cannot be answered in one reply`)
}

async function collect(file: StoredFile): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [new Uint8Array()]
  for await (const bytes of file.body) pieces.push(bytes)
  const content = concatBytes(pieces)
  if (content.byteLength !== file.size) throw new DfsError('DATA_UNAVAILABLE', 'the content broke off')
  return content
}

function isText(bytes: Uint8Array): boolean {
  try {
    fromUtf8(bytes)
    return true
  } catch {
    return false
  }
}

function tokenOf(error: unknown, log: Log): string {
  if (error instanceof InvariantError || error instanceof BrokenReplyError) throw error
  if (error instanceof DfsError) return lineTokenOf(error.code)
  if (error instanceof QueueFullError) return lineTokenOf('TOO_BUSY')
  if (error instanceof DeadlineError) return lineTokenOf('TIMEOUT_ERROR')
  log.error({ err: error }, 'a request failed in a way that nobody expected')
  return lineTokenOf('INTERNAL')
}
