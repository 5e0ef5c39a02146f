/** How pieces of a body become writes to a socket: few of them, with little copying. */
import { concatBytes } from '@dfs/core'

/**
 * Below this, copying pieces together is cheaper than a write, or an entry of a vectored write, for each. A larger piece
 * is never copied.
 */
export const COPY_BYTES_MAX = 64 * 1024

/** The same bytes in order, neighbours copied together as long as the result stays within {@link COPY_BYTES_MAX}. */
export function joinSmallPieces(pieces: readonly Uint8Array[]): Uint8Array[] {
  const joined: Uint8Array[] = []
  let run: Uint8Array[] = []
  let runBytes = 0
  const endRun = (): void => {
    if (run.length > 0) joined.push(concatBytes(run))
    run = []
    runBytes = 0
  }
  for (const piece of pieces) {
    if (piece.byteLength === 0) continue
    if (runBytes + piece.byteLength > COPY_BYTES_MAX) endRun()
    run.push(piece)
    runBytes += piece.byteLength
  }
  endRun()
  return joined
}
