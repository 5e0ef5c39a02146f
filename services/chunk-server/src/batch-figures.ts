/** How much shares a write, a sync or a call, noted as it happens. Whoever makes batches takes one; metrics.ts shows them. */
import { BATCH_BOUNDS, Distribution } from '@dfs/core'
import { KIB, MIB } from '@dfs/protocol'

const BYTES_BOUNDS: readonly number[] = [
  KIB,
  4 * KIB,
  16 * KIB,
  64 * KIB,
  256 * KIB,
  MIB,
  2 * MIB,
  4 * MIB,
  8 * MIB,
  16 * MIB,
]

export class BatchFigures {
  /** Records that are written and synced together, by their primary. */
  readonly records = new Distribution(BATCH_BOUNDS)
  readonly bytes = new Distribution(BYTES_BOUNDS)
  /** Commands, and look-ups, in a call to the master. */
  readonly commands = new Distribution(BATCH_BOUNDS)
  readonly lookups = new Distribution(BATCH_BOUNDS)
}
