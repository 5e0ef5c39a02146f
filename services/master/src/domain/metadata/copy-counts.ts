/**
 * Counts copies of all that is stored, some volumes at a time: the books with the tally of health/copy-tally.ts. Files that are
 * written while a count is under way may be counted or not. Contents that lie in several volumes are those of its beginning,
 * and their volumes stand as they did when they were counted, so that nothing is taken off that was not counted.
 */
import { type CopyView, type Grade, type Tally } from '../../metadata/copy-store.ts'
import { CopyTally } from '../health/copy-tally.ts'
import { SeenServers } from '../health/seen-servers.ts'
import { type Books } from './books.ts'

/** Begins; each call goes on with so many volumes, and the last one gives the result, null before. */
export function countCopies(
  { volumes, spanning }: Books,
  view: CopyView,
): (volumesMax: number) => Tally | null {
  const tally = new CopyTally(new SeenServers(view.servers), view.wanted)
  const contents = [...spanning.all()]
  const isSpanned = new Set(contents.flat())
  const grades = new Map<number, Grade>()
  const rest = volumes.all()
  return (volumesMax) => {
    for (let left = volumesMax; left > 0; left -= 1) {
      const { value: volume, done } = rest.next()
      if (done === true) {
        for (const ids of contents) {
          const found = ids.flatMap((id) => grades.get(id) ?? [])
          if (found.length > 1) tally.addSpanning(found)
        }
        return tally.result()
      }
      const grade = tally.addVolume(volume)
      if (isSpanned.has(volume.id)) grades.set(volume.id, grade)
    }
    return null
  }
}
