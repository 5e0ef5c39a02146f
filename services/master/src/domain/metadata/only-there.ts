/**
 * What one server alone may have a good copy of: contents of which nobody else is known to have one at this moment. What others may still
 * report, or are reading, is not known to be good: whoever gives the server up is told of it.
 */
import { type CopyView } from '../../metadata/copy-store.ts'
import { type OnlyThere } from '../../metadata/removal-store.ts'
import { isGood } from '../copies/good-copies.ts'
import { isReadable } from '../copies/tally.ts'
import { SeenServers } from '../health/seen-servers.ts'
import { type Books } from './books.ts'
import { type Replica, type Volume } from './volume.ts'

/** What is damaged may have the only good bytes of some record. */
const hasAnything = ({ state }: Replica): boolean => state === 'open' || isReadable(state)

export function isOnlyThere({ replicas }: Volume, server: number, seen: SeenServers): boolean {
  const isThere = replicas.some((copy) => copy.server === server && hasAnything(copy))
  return isThere && !replicas.some((copy) => copy.server !== server && isGood(copy, seen))
}

/** Begins; each call goes on with so many volumes, and the last one gives the result, null before. */
export function countOnlyThere(
  { volumes, spanning }: Books,
  server: number,
  view: CopyView,
): (volumesMax: number) => OnlyThere | null {
  const seen = new SeenServers(view.servers)
  const found = new Set<number>()
  const sum = { files: 0, bytes: 0 }
  const rest = volumes.onServer(server).all()
  return (volumesMax) => {
    for (let left = volumesMax; left > 0; left -= 1) {
      const { value: copy, done } = rest.next()
      if (done === true) return { ...sum, files: sum.files - countedTwice(spanning.all(), found) }
      const { volume } = copy
      if (volume.liveFiles === 0 || volume.state === 'deleting') continue
      if (!isOnlyThere(volume, server, seen)) continue
      found.add(volume.id)
      sum.files += volume.liveFiles
      sum.bytes += volume.liveBytes
    }
    return null
  }
}

/** What lies in several of these volumes was counted in each. */
function countedTwice(contents: Iterable<readonly number[]>, volumes: ReadonlySet<number>): number {
  let count = 0
  for (const ids of contents) count += Math.max(0, ids.filter((id) => volumes.has(id)).length - 1)
  return count
}
