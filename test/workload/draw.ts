/**
 * What the clients of a test do next: a mixture of everything that changes a file or reads one, on few names, so that they
 * get in each other's way. The same draws serve the simulator and real processes.
 */
import { type Operation } from '@dfs/linearizability'
import { KIB, MIB } from '@dfs/protocol'

/** The part of a random source that drawing needs. */
export interface Dice {
  int(below: number): number
  chance(ratio: number): boolean
}

export interface DrawContext {
  /** At least two; more than a handful makes conflicts rare. */
  readonly names: readonly string[]
  /** A value that was never written before, for content of this size. */
  readonly nextValue: (size: number) => string
  /** Of the last version that this client has seen under a name. */
  readonly etags: ReadonlyMap<string, string>
  readonly sizeOf: (dice: Dice) => number
}

export function drawOperation(dice: Dice, context: DrawContext): Operation {
  const { names, nextValue, etags, sizeOf } = context
  const at = dice.int(names.length)
  const name = names[at]!
  const draw = dice.int(100)
  if (draw < 35) return { kind: 'read', name }
  const ifMatch = etags.get(name)
  if (draw < 42) {
    return ifMatch !== undefined && dice.chance(0.5)
      ? { kind: 'delete', name, ifMatch }
      : { kind: 'delete', name }
  }
  if (draw < 48) {
    const to = names[(at + 1 + dice.int(names.length - 1)) % names.length]!
    return { kind: 'rename', from: name, to }
  }
  if (draw < 52) return { kind: 'create', name, value: nextValue(0) }
  const value = nextValue(sizeOf(dice))
  if (draw < 64 && ifMatch !== undefined) return { kind: 'put', name, value, ifMatch }
  if (draw < 70) return { kind: 'put', name, value, ifNoneMatch: '*' }
  return { kind: 'put', name, value }
}

/** Mostly small, some beyond what is written in one piece, a few of several chunks. */
export function drawSize(dice: Dice): number {
  if (dice.chance(0.03)) return 4 * MIB + dice.int(2 * MIB)
  if (dice.chance(0.12)) return 256 * KIB + dice.int(256 * KIB)
  return 100 + dice.int(4000)
}
