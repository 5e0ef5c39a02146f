/**
 * The files of a holder, in a directory of its data directory: a snapshot at its position, and segments of change sets, each named
 * by the position from which its first frame leads on.
 */
import { type Epoch } from '@dfs/protocol'

export const METADATA_COPIES_DIRECTORY = 'metadata-copies'

export type CopyFileKind = 'snapshot' | 'changes'

const NAME = /^([1-9]\d*)-([0-9a-f]{16})-(0|[1-9]\d*)\.(snapshot|changes)$/

/** In {@link METADATA_COPIES_DIRECTORY}. */
export const copyFileName = (kind: CopyFileKind, { counter, nonce, sequence }: Epoch): string =>
  `${counter}-${nonce}-${sequence}.${kind}`

/** What {@link copyFileName} was given; null for anything else. */
export function parseCopyFileName(name: string): { kind: CopyFileKind; position: Epoch } | null {
  const [, counter, nonce, sequence, kind] = NAME.exec(name) ?? []
  const position = { counter: Number(counter), nonce: nonce ?? '', sequence: Number(sequence) }
  if (!Number.isSafeInteger(position.counter) || !Number.isSafeInteger(position.sequence)) return null
  return { kind: kind as CopyFileKind, position }
}
