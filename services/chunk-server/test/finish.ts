/** A reading to its end, as a test mostly wants it. */
import { type Reading } from '../src/volume/reading.ts'

export async function finish<T>(reading: Reading<T>): Promise<T> {
  for (;;) {
    const next = await reading.next()
    if (next.done === true) return next.value
  }
}
