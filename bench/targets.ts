/** What the product owes to its baseline, measured in the same run. */

/** Least share of the baseline's operations per second, by requests in flight. */
export const SMALL_WRITE_RATIOS: ReadonlyMap<number, number> = new Map([
  [16, 0.35],
  [64, 0.45],
  [256, 0.5],
])
export const SMALL_READ_RATIOS: ReadonlyMap<number, number> = new Map([[64, 0.6]])
export const LARGE_WRITE_RATIO = 0.4
export const LARGE_READ_RATIO = 0.55

/** Of any process of the product, in any workload. */
export const RESIDENT_MIB_MAX = 300
export const LOOP_DELAY_MS_MAX = 50

/** What making one copy should take at most, in CPU milliseconds for a MiB. */
export const COPY_CPU_AIMS = { sourceMsPerMib: 1.5, targetMsPerMib: 5 }

/** When a lost server should be noticed, and its copies be there again: seconds since it was killed, for a GiB on two idle processors. */
export const HEALING_AIMS = {
  lastWriteToItS: 5,
  deadS: 25,
  firstCopyS: 32,
  /** By case. */
  restoredS: { idle: 60, traffic: 90, small: 120 },
  copyingS: 16,
  cpuMsPerMib: COPY_CPU_AIMS.sourceMsPerMib + COPY_CPU_AIMS.targetMsPerMib,
}
