/** The answer to a write, from what was asked and what the master's transaction decided. */
import { type WriteReply } from './file-service.ts'
import { type CommandSuccess, type WriteCommand } from './nodes/commands.ts'

export type WrittenAttributes = Pick<WriteCommand, 'size' | 'crc32' | 'sha256' | 'contentType' | 'executable'>

export function writeReply(written: WrittenAttributes, success: CommandSuccess): WriteReply {
  const { size, crc32, sha256, contentType, executable } = written
  const { operation, entry, decidedMs, created, copies, zones, isReplay } = success
  return {
    info: {
      kind: 'file',
      file: entry,
      // For a write, the operation is the version's id.
      version: operation,
      modifiedMs: decidedMs,
      size,
      crc32,
      sha256,
      contentType,
      executable,
      copies,
      zones,
    },
    created,
    operation,
    copies,
    zones,
    isReplay: isReplay === true,
  }
}
