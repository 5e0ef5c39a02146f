/**
 * Chance from a seed: the generator sfc32 (public domain, by Chris Doty-Humphrey), whose state is a hash of the stream's
 * name. A fork is named by its path of labels, so what one part of a run draws never shifts the draws of another.
 */
import { assert, type Random } from '@dfs/core'

const WARM_UP_DRAWS = 12

export class SimRandom implements Random {
  readonly #name: string
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** The same `seed` gives the same stream, on every machine. */
  constructor(seed: string) {
    this.#name = seed
    this.#a = hashText(seed, 0x9e3779b9)
    this.#b = hashText(seed, 0x243f6a88)
    this.#c = hashText(seed, 0xb7e15162)
    for (let draw = 0; draw < WARM_UP_DRAWS; draw += 1) this.#next()
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count)
    for (let at = 0; at < count; at += 4) {
      const word = this.#next()
      for (let shift = 0; shift < 4 && at + shift < count; shift += 1)
        bytes[at + shift] = word >>> (8 * shift)
    }
    return bytes
  }

  int(below: number): number {
    assert(Number.isInteger(below) && below >= 1 && below <= 2 ** 32, `no integers below ${below}`)
    // Draws from the incomplete last run of `below` values would favour the small ones.
    const limit = 2 ** 32 - (2 ** 32 % below)
    let draw = this.#next()
    while (draw >= limit) draw = this.#next()
    return draw % below
  }

  /** A number in [0, 1). */
  fraction(): number {
    return this.#next() / 2 ** 32
  }

  /** True with probability `ratio`; draws nothing if the answer is certain, so unused faults shift no stream. */
  chance(ratio: number): boolean {
    return ratio > 0 && (ratio >= 1 || this.fraction() < ratio)
  }

  /** A number in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.fraction()
  }

  fork(label: string): SimRandom {
    return new SimRandom(`${this.#name}/${label}`)
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }
}

/** A 32-bit hash of `text`: every character multiplied in, then mixed until each bit depends on all. */
function hashText(text: string, seed: number): number {
  let hash = seed
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
