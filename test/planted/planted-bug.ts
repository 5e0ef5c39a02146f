/** A bug on purpose: one edit of a real source, and the promise that it breaks. */
export interface PlantedBug {
  readonly name: string
  /** The rule or promise that the edit breaks, in words. */
  readonly promise: string
  /** From the root of the repository. */
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly oldText: string
  readonly newText: string
  /** Seeds to try at most, where the usual number is not enough or more than enough. */
  readonly seedsMax?: number
  /** A test that must find it, for what no run of drawn faults can meet. */
  readonly test?: string
}
