/**
 * Two kinds of failure exist here. Expected ones are values from the error catalogue; what can only be a bug is
 * asserted, is never caught, and ends the process, which then restarts from what its disk says.
 */

/** Thrown if the program itself is wrong. Nothing may catch it and go on. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** Throws {@link InvariantError} unless `condition` holds. `message` says what should have been true. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}

/** Marks code that no value can reach; the compiler proves it if the switch is exhaustive. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`)
}
