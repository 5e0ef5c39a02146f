/**
 * Large writes in progress: chunks staged in order under the upload's id, until a write makes them visible, or dropped.
 */
import { type AbandonCommand, type CommandResult, failure, type StageCommand } from '@dfs/protocol'
import { refuseChunk } from '../volume.ts'
import { changed, type CommandContext, isOf } from './context.ts'
import { addChunk } from './write.ts'

export function applyStage(context: CommandContext, command: StageCommand): CommandResult {
  const { tables, sender } = context
  const { upload: id, start, chunk } = command
  if (!isOf(id, sender)) {
    return failure('INVALID_REQUEST', 'an upload belongs to the incarnation that stages it')
  }
  const volume = tables.volumes.get(chunk.volume)
  if (volume === undefined) return failure('VOLUME_NOT_FOUND', `there is no volume ${chunk.volume}`)
  const refused = refuseChunk(volume, chunk, sender)
  if (refused !== null) return refused
  const upload = tables.uploads.find(id)
  const stagedEnd = upload?.stagedEnd ?? 0
  if (start !== stagedEnd) {
    return failure('INVALID_REQUEST', `the chunk starts at ${start}, but ${stagedEnd} bytes are staged`)
  }
  const operation = tables.state.nextId()
  const content = upload?.content ?? operation
  addChunk(tables, content, start, chunk)
  tables.uploads.stage(id, { content, stagedEnd: start + chunk.length }, chunk)
  return changed(context, { operation, entry: 0, isNew: upload === undefined })
}

/** No error where nothing was staged: the sender wants it gone, and it is. */
export function applyAbandon(context: CommandContext, command: AbandonCommand): CommandResult {
  const { tables, nowWallMs } = context
  if (!isOf(command.upload, context.sender)) {
    return failure('INVALID_REQUEST', 'an upload belongs to the incarnation that stages it')
  }
  const upload = tables.uploads.find(command.upload)
  if (upload !== undefined) tables.uploads.drop(command.upload, upload, nowWallMs)
  return changed(context, { operation: tables.state.nextId(), entry: 0, isNew: false })
}
