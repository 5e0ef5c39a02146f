/** The volumes that each primary was granted last, by kind. They are few: one row for each primary and kind. */
import { type DatabaseSync } from 'node:sqlite'
import { type VolumeKind } from '@dfs/protocol'
import { type AllocationRequest, type Placement } from '../store.ts'
import { VOLUME_KIND } from './codes.ts'
import { Insert } from './insert.ts'
import { Query } from './query.ts'

interface GrantRow {
  readonly incarnation: number
  readonly number: number
  readonly volumes: string
}

export interface Grant {
  readonly number: number
  readonly volumes: readonly number[]
}

const COLUMNS = ['server', 'kind', 'incarnation', 'number', 'volumes'] as const

export class Grants {
  readonly #find: Query<GrantRow>
  readonly #put: Insert<typeof COLUMNS>

  constructor(database: DatabaseSync) {
    this.#find = new Query(
      database,
      'SELECT incarnation, number, volumes FROM grants WHERE server = ? AND kind = ?',
    )
    this.#put = new Insert(database, 'INSERT OR REPLACE INTO grants', COLUMNS)
  }

  /** Null where this incarnation was granted nothing yet. */
  last({ server, incarnation }: Placement, kind: VolumeKind): Grant | null {
    const row = this.#find.first(server, VOLUME_KIND[kind])
    if (row?.incarnation !== incarnation) return null
    return { number: row.number, volumes: JSON.parse(row.volumes) as number[] }
  }

  put({ primary, kind, number }: AllocationRequest, volumes: readonly number[]): void {
    const { server, incarnation } = primary
    const row = { server, kind: VOLUME_KIND[kind], incarnation, number, volumes: JSON.stringify(volumes) }
    this.#put.run(row)
  }
}
