/**
 * Volumes and copies that servers have and the metadata does not know: they were made after it was copied. Pure. With rows of
 * their own they are sealed, verified, mended and made again like all others, and what is written in them can be found.
 */
import { type HeldCopy } from '@dfs/protocol'
import { type MetadataFacts } from '../local/metadata-facts.ts'

/** All that one server has; `server` is its id. */
export interface Held {
  readonly server: number
  readonly incarnation: number
  readonly copies: readonly HeldCopy[]
}

export interface NewVolume extends Pick<HeldCopy, 'kind' | 'salt' | 'primary'> {
  readonly id: number
}

export interface NewReplica {
  readonly id: number
  readonly volume: number
  readonly server: number
  readonly incarnation: number
  /** Others were being copied there: it may lack anything, and is made anew where it is needed. */
  readonly isBeingMade: boolean
}

export interface Strangers {
  readonly volumes: readonly NewVolume[]
  readonly replicas: readonly NewReplica[]
  /** Where records may be that nobody knows: from which offset on, by volume. */
  readonly toLookAt: ReadonlyMap<number, number>
  /** Where such a volume was sealed meanwhile: nothing behind that was ever acknowledged. */
  readonly sealedAt: ReadonlyMap<number, number>
}

export function findStrangers(facts: MetadataFacts, held: readonly Held[]): Strangers {
  const known = new Map(facts.volumes.map((volume) => [volume.id, volume]))
  const all = held.flatMap(({ server, incarnation, copies }) =>
    copies
      .filter(
        ({ volume, replica }) => !facts.deletedVolumes.has(volume) && !facts.droppedReplicas.has(replica),
      )
      .map((copy) => ({ server, incarnation, copy })),
  )
  const volumes = new Map<number, NewVolume>()
  for (const { copy } of all) {
    // Of a volume of which nothing but a copy under way is left there is nothing to copy from.
    if (copy.isBeingMade || known.has(copy.volume) || volumes.has(copy.volume)) continue
    const { volume: id, kind, salt, primary } = copy
    volumes.set(id, { id, kind, salt, primary })
  }
  const replicas: NewReplica[] = []
  for (const { server, incarnation, copy } of all) {
    const { volume, replica: id, isBeingMade } = copy
    const before = known.get(volume)?.replicas ?? []
    if (before.some((other) => other.id === id || other.server === server)) continue
    if (!known.has(volume) && volumes.get(volume)?.salt !== copy.salt) continue
    replicas.push({ id, volume, server, incarnation, isBeingMade })
  }
  const toLookAt = new Map([...volumes.keys()].map((id) => [id, 0]))
  for (const { id, isOpen, committedEnd } of facts.volumes) if (isOpen) toLookAt.set(id, committedEnd)
  const sealedAt = new Map<number, number>()
  for (const { copy } of all) {
    const { volume, sealedLength, isBeingMade } = copy
    if (sealedLength === null || isBeingMade || !toLookAt.has(volume)) continue
    sealedAt.set(volume, Math.min(sealedLength, sealedAt.get(volume) ?? Infinity))
  }
  return { volumes: [...volumes.values()], replicas, toLookAt, sealedAt }
}
