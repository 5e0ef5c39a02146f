/**
 * Sealed volumes that hold nothing are deleted (R7), in two phases. First one transaction finds that nothing stands in a volume and
 * nobody can ask for it any more; from then on nobody is sent there, its copies are to be dropped, and its id is noted for ever.
 * Then a copy goes when its server says so, and the volume with the last one.
 *
 * Why nothing can refer to it later: a sealed volume takes no chunk (R2), and whatever refers to one does so by a row of the
 * chunk, which is looked for here. The counts in memory only say where to look.
 */
import { epochOf } from '@dfs/protocol'
import { type CopyId, type DeletionStep, type Placement } from '../../metadata/cluster-store.ts'
import { type Books } from './books.ts'
import { once } from './reads.ts'
import { type Replica, type Volume } from './volume.ts'
import { Unchanged, type Work } from './work.ts'

/** The first phase, for some volumes. */
export function* deleteEmpty(
  books: Books,
  countMax: number,
  clusterMs: number,
): Work<DeletionStep | Unchanged<DeletionStep>> {
  const { volumes, states, rows } = books
  const found: Volume[] = []
  for (const volume of volumes.empty) {
    if (found.length === countMax) break
    if (mayGo(books, volume)) found.push(volume)
  }
  yield () => once(...found.map(({ id }) => ({ kind: 'chunkIn', volume: id }) as const))
  const [deleted, notEmpty]: [number[], number[]] = [[], []]
  for (const volume of found) {
    if (rows.chunks.isAnyIn(volume.id)) {
      volumes.noteNotEmpty(volume)
      notEmpty.push(volume.id)
    } else {
      states.beginDeleting(volume, clusterMs)
      deleted.push(volume.id)
    }
  }
  const step = { deleted, notEmpty, isMoreLeft: found.length === countMax }
  return deleted.length === 0 ? new Unchanged(step) : step
}

/**
 * Not while its primary may ask for it: a request for volumes whose answer was lost is answered again (R19). Nor if it is
 * older than the history of the metadata that was begun on purpose: records that this one has lost may stand in there.
 */
function mayGo({ servers, grants, state }: Books, { id, primary, kind, replicas }: Volume): boolean {
  if (epochOf(id) < state.historyCounter) return false
  // What is being made of it is in the ledger, and ends there first.
  if (replicas.some((copy) => copy.state === 'copying')) return false
  return !(servers.isCurrent(primary) && grants.names(primary, kind, id))
}

/**
 * The second phase: these copies are not there any more. What is not to be dropped is left as it is, whatever its server says:
 * this master has not told it so. Throws UNKNOWN_SERVER, STALE_INCARNATION.
 */
export function* noteDropped(
  { volumes, states, servers }: Books,
  from: Placement,
  copies: readonly CopyId[],
): Work<void | Unchanged<void>> {
  servers.requireCurrent(from)
  yield once
  const changesBefore = states.changes
  for (const { volume, replica } of copies) {
    volumes.onServer(from.server).forgetStray(replica)
    const copy = volumes.copy(volume, replica)
    if (copy?.server === from.server && copy.state === 'dropping') states.noteDropped(copy)
  }
  if (states.changes === changesBefore) return new Unchanged(undefined)
}

/** Servers that have yet to say that they have dropped a copy of a volume that is being deleted. */
export function deletingOn({ volumes }: Pick<Books, 'volumes'>): number[] {
  const isLeft = ({ volume }: Replica): boolean => volume.state === 'deleting'
  return [...volumes.serversWithCopies].flatMap(([id, { dropping }]) => (dropping.some(isLeft) ? [id] : []))
}
