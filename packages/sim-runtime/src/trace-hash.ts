/**
 * A running 64-bit hash of everything that has happened, in two 32-bit halves. Two runs of one seed must end with the same
 * value; if they do not, something that is not part of the simulation has a say in it.
 */
export class TraceHash {
  #high = 0x6a09e667
  #low = 0xbb67ae85

  add(timeMs: number, node: string, label: string): void {
    const timeUs = Math.round(timeMs * 1000)
    this.#mix(timeUs % 2 ** 32)
    this.#mix(Math.floor(timeUs / 2 ** 32))
    this.#mixText(node)
    this.#mixText(label)
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #mixText(text: string): void {
    this.#mix(text.length)
    for (let index = 0; index < text.length; index += 1) this.#mix(text.charCodeAt(index))
  }

  #mix(value: number): void {
    this.#high = Math.imul(this.#high ^ value, 0x01000193)
    this.#low = Math.imul(this.#low ^ value ^ (this.#high >>> 16), 0x85ebca6b)
    this.#low ^= this.#low >>> 13
  }
}
