/** A client's time: its pauses between attempts pass by themselves, its deadlines only if a test says so. */
import { ManualClock } from '@dfs/core/testing'

/** Above every pause, below every deadline. */
const PAUSE_MS_MAX = 2000

export const pausingClock = (): ManualClock => new ManualClock({ pauseMsMax: PAUSE_MS_MAX })
