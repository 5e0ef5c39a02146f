/** Bytes on their way from one node to another. */
import { byteCount } from '@dfs/core'
import { type SimRandom } from '../random.ts'

/** Pieces that a body arrives in at most. */
const PIECES_MAX = 4

/**
 * A copy of a body, cut into pieces at other places: no node shares memory with another, and none may rely on where the
 * pieces of a body begin, as no real network keeps that.
 */
export function carry(body: readonly Uint8Array[], random: SimRandom): Uint8Array[] {
  const whole = new Uint8Array(byteCount(body))
  let at = 0
  for (const piece of body) {
    whole.set(piece, at)
    at += piece.byteLength
  }
  const pieces: Uint8Array[] = []
  const cutsMax = random.int(PIECES_MAX)
  let rest = whole
  while (rest.byteLength > 0 && pieces.length < cutsMax) {
    const taken = 1 + random.int(rest.byteLength)
    pieces.push(rest.subarray(0, taken))
    rest = rest.subarray(taken)
  }
  if (rest.byteLength > 0) pieces.push(rest)
  return pieces
}
