/** The volumes that each primary was granted last, by kind. They are few: one for each primary and kind. */
import { type VolumeKind } from '@dfs/protocol'
import { type GrantKey, type Placement } from '../../metadata/cluster-store.ts'
import { VOLUME_KIND } from './codes.ts'
import { type GrantRow, type GrantRows } from './cluster-rows.ts'

export interface Grant {
  readonly number: number
  readonly volumes: readonly number[]
}

export class Grants {
  readonly #rows: GrantRows
  readonly #last = new Map<string, GrantRow>()

  constructor(rows: GrantRows) {
    this.#rows = rows
    for (const row of rows.load()) this.#last.set(nameOf(row), row)
  }

  /** Null if this incarnation was granted nothing yet. */
  last({ server, incarnation }: Placement, kind: VolumeKind): Grant | null {
    const row = this.#last.get(nameOf({ server, kind: VOLUME_KIND[kind] }))
    if (row?.incarnation !== incarnation) return null
    return { number: row.number, volumes: JSON.parse(row.volumes) as number[] }
  }

  /**
   * Whether the primary may ask for this volume still: under the last number of its incarnation it is given it again. To be
   * asked for the incarnation that its server is in; no earlier one may ask for anything.
   */
  names(primary: Placement, kind: VolumeKind, volume: number): boolean {
    return this.last(primary, kind)?.volumes.includes(volume) ?? false
  }

  put({ primary, kind, number }: GrantKey, volumes: readonly number[]): void {
    const { server, incarnation } = primary
    const row = { server, kind: VOLUME_KIND[kind], incarnation, number, volumes: JSON.stringify(volumes) }
    this.#rows.put(row)
    this.#last.set(nameOf(row), row)
  }

  /** The server asks for nothing any more. */
  remove(server: number): void {
    this.#rows.remove(server)
    for (const [name, row] of this.#last) if (row.server === server) this.#last.delete(name)
  }
}

const nameOf = ({ server, kind }: Pick<GrantRow, 'server' | 'kind'>): string => `${server}/${kind}`
