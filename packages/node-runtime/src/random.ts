/** Real entropy. */
import { randomFillSync, randomInt } from 'node:crypto'
import { assert, type Random } from '@dfs/core'

export class NodeRandom implements Random {
  bytes(count: number): Uint8Array {
    return randomFillSync(new Uint8Array(count))
  }

  int(below: number): number {
    assert(Number.isInteger(below) && below >= 1 && below <= 2 ** 32, `no integers below ${below}`)
    return randomInt(below)
  }

  /** Entropy has no order of draws that a fork could shift, so every stream is this one. */
  fork(_label: string): Random {
    return this
  }
}
