/**
 * Large writes in progress: chunks staged in order under the upload's id, until a write makes them visible, or dropped.
 */
import { type AbandonCommand, type CommandResult, failure, type StageCommand } from '@dfs/protocol'
import { refuseChunk } from '../volume.ts'
import { once, type Rounds } from '../reads.ts'
import { changed, type CommandContext, isOf } from './context.ts'
import { addChunk } from './write.ts'

export const readsOfStage = ({ upload }: StageCommand): Rounds => once({ kind: 'upload', ...upload })

export function applyStage(context: CommandContext, command: StageCommand): CommandResult {
  const { books, sender } = context
  const { upload: id, start, chunk } = command
  if (!isOf(id, sender)) {
    return failure('INVALID_REQUEST', 'an upload belongs to the incarnation that stages it')
  }
  const volume = books.volumes.get(chunk.volume)
  if (volume === undefined) return failure('VOLUME_NOT_FOUND', `there is no volume ${chunk.volume}`)
  const refused = refuseChunk(volume, chunk, sender)
  if (refused !== null) return refused
  const upload = books.uploads.find(id)
  const stagedEnd = upload?.stagedEnd ?? 0
  if (start !== stagedEnd) {
    return failure('INVALID_REQUEST', `the chunk starts at ${start}, but ${stagedEnd} bytes are staged`)
  }
  const operation = books.state.nextId()
  const content = upload?.content ?? operation
  addChunk(books, content, start, chunk)
  books.uploads.stage(id, { content, stagedEnd: start + chunk.length }, chunk)
  return changed(context, { operation, entry: 0, isNew: upload === undefined })
}

export const readsOfAbandon = ({ upload }: AbandonCommand): Rounds => once({ kind: 'upload', ...upload })

/** No error if nothing was staged: the sender wants it gone, and it is. */
export function applyAbandon(context: CommandContext, command: AbandonCommand): CommandResult {
  const { books, nowWallMs } = context
  if (!isOf(command.upload, context.sender)) {
    return failure('INVALID_REQUEST', 'an upload belongs to the incarnation that stages it')
  }
  const upload = books.uploads.find(command.upload)
  if (upload !== undefined) books.uploads.drop(command.upload, upload, nowWallMs)
  return changed(context, { operation: books.state.nextId(), entry: 0, isNew: false })
}
