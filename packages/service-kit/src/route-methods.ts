/** Which methods there are at a path: for 405, which must name them, whoever finds out that the one asked for is none of them. */
export class RouteMethods {
  readonly #byPattern = new Map<string, Set<string>>()

  /** Notes a route; `*` at the end of its URL stands for anything. */
  add(url: string, methods: readonly string[]): void {
    const known = this.#byPattern.get(url) ?? new Set()
    for (const method of methods) known.add(method)
    this.#byPattern.set(url, known)
  }

  /** The value of `Allow`; null if nothing is at this path. */
  allowedAt(path: string): string | null {
    const methods = new Set<string>()
    for (const [pattern, own] of this.#byPattern) {
      const isMatch = pattern.endsWith('/*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
      if (isMatch) for (const method of own) methods.add(method)
    }
    return methods.size === 0 ? null : [...methods, 'OPTIONS'].sort().join(', ')
  }
}

export const noSuchMethod = (method: string): string => `${method} is not a method of this resource`
