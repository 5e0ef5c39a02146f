/** Volumes that are sealed because somebody asks for it (R1). */
import { type Books } from './books.ts'
import { once } from './reads.ts'
import { Unchanged, type Work } from './work.ts'

/** Seals at the committed ends; idempotent. The sealed lengths, in order. Throws VOLUME_NOT_FOUND. */
export function* seal(
  { volumes: book, states }: Books,
  ids: readonly number[],
  reason: string,
  nowWallMs: number,
): Work<readonly number[] | Unchanged<readonly number[]>> {
  yield once
  const volumes = ids.map((id) => book.require(id))
  const open = volumes.filter((volume) => volume.state === 'open')
  for (const volume of open) states.seal(volume, reason, nowWallMs)
  const lengths = volumes.map((volume) => volume.sealedLength!)
  return open.length === 0 ? new Unchanged(lengths) : lengths
}
