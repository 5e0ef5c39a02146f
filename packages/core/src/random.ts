/** Chance as an argument: real entropy in production, a seed in the simulator. */
export interface Random {
  /** `count` random bytes, owned by the caller. */
  bytes(count: number): Uint8Array
  /** A uniform integer in [0, below); `below` is 1 to 2^32. */
  int(below: number): number
  /** An independent stream named `label`: draws from it do not shift the draws of any other. */
  fork(label: string): Random
}
