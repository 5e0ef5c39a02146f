/**
 * What a plan of copies says, carried out: each action is one transaction, which looks again at what the plan rests on. A plan is
 * made of what was seen a moment ago; a server may have died since, and a copy may have become another one.
 */
import { type ActionGround } from '../../metadata/repair-store.ts'
import { mayRelease } from '../copies/release.ts'
import { type CopyAction } from '../copies/view.ts'
import { type Books } from './books.ts'
import { once } from './reads.ts'
import { copiesSeen, type Replica, type Volume } from './volume.ts'
import { Unchanged, type Work } from './work.ts'

export function* carryOut(
  books: Books,
  action: CopyAction,
  ground: ActionGround,
): Work<boolean | Unchanged<boolean>> {
  yield once
  const volume = books.volumes.get(action.volume)
  if (volume?.state !== 'sealed') return new Unchanged(false)
  const isDone =
    action.kind === 'copy' ? beginCopy(books, volume, action, ground) : change(books, volume, action, ground)
  return isDone ? true : new Unchanged(false)
}

type CopyOrdered = CopyAction & { readonly kind: 'copy' }

function beginCopy(
  { states, servers, repairs, state }: Books,
  volume: Volume,
  { target, sources, cause, replaces }: CopyOrdered,
  { up, wallMs }: ActionGround,
): boolean {
  const server = servers.get(target)
  const [source] = sources
  if (server === undefined || source === undefined || !up.has(target)) return false
  if (volume.replicas.some((copy) => copy.server === target)) return false
  const first = volume.replicas.find(({ id }) => id === source.replica)
  if (first === undefined || !isReadable(first)) return false
  const replaced = volume.replicas.find(({ id }) => id === replaces)
  if (replaces !== null && replaced?.state !== 'inSync') return false
  const { incarnation } = server
  const copy = states.beginCopy(volume, state.nextId(), { server: target, incarnation })
  const { id: replica } = copy
  const bytes = volume.committedEnd
  const about = { volume: volume.id, replica, cause, source: source.server, target, bytes }
  repairs.begin({ id: state.nextId(), ...about, begunWallMs: wallMs })
  if (replaced !== undefined) states.noteSurplus(replaced)
  return true
}

/** Whether there is something to copy from. */
const isReadable = ({ state }: Replica): boolean =>
  state === 'inSync' || state === 'surplus' || state === 'unverified' || state === 'damaged'

function change(
  { states, repairs }: Books,
  volume: Volume,
  action: Exclude<CopyAction, CopyOrdered>,
  { up, wanted, minReplicas, wallMs }: ActionGround,
): boolean {
  const copy = volume.replicas.find(({ id }) => id === action.replica)
  switch (action.kind) {
    case 'cancel':
      if (copy?.state !== 'copying') return false
      states.giveUpCopy(copy)
      repairs.end(copy.id, { state: 'cancelled', lastError: action.why, wallMs })
      return true
    case 'surplus':
      if (copy?.state !== 'inSync' && copy?.state !== 'unverified') return false
      states.noteSurplus(copy)
      return true
    case 'revoke':
      if (copy?.state !== 'surplus') return false
      states.revoke(copy)
      return true
    case 'release': {
      if (copy === undefined || copy.state === 'copying') return false
      const question = { wanted, minReplicas, isUp: (server: number) => up.has(server) }
      if (!mayRelease({ ...question, replica: copy.id, replicas: copiesSeen(volume) })) return false
      states.release(copy, question)
      return true
    }
  }
}
