/** What a checker throws: the promise that does not hold, and what shows it. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise'

  constructor(promise: string, evidence: string) {
    super(`${promise}: ${evidence}`)
  }
}

/** Throws {@link BrokenPromise} unless `holds`. */
export function expectPromise(holds: boolean, promise: string, evidence: () => string): void {
  if (!holds) throw new BrokenPromise(promise, evidence())
}
