/** What was seen of a disk since the process started. */
import { Distribution, DURATION_BOUNDS_S } from '@dfs/core'

export class DiskFigures {
  /** Seconds that each sync of a file took, failed ones included. */
  readonly syncs = new Distribution(DURATION_BOUNDS_S)
  failedSyncs = 0
}
