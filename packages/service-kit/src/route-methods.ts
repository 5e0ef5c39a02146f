/** Which methods there are at a path: for 405, which must name them, whoever finds out that the one asked for is none of them. */
export class RouteMethods {
  readonly #byUrl = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>()

  /** Notes a route; `*` at the end of its URL stands for anything, and `:name` for one segment. */
  add(url: string, methods: readonly string[]): void {
    const known = this.#byUrl.get(url) ?? { pattern: patternOf(url), methods: new Set() }
    for (const method of methods) known.methods.add(method)
    this.#byUrl.set(url, known)
  }

  /** The value of `Allow`; null if nothing is at this path. */
  allowedAt(path: string): string | null {
    const methods = new Set<string>()
    for (const { pattern, methods: own } of this.#byUrl.values())
      if (pattern.test(path)) for (const method of own) methods.add(method)
    return methods.size === 0 ? null : [...methods, 'OPTIONS'].sort().join(', ')
  }
}

function patternOf(url: string): RegExp {
  const [, literal = '', rest = ''] = /^(.*?\/)(\*?)$/.exec(url) ?? [url, url]
  const segments = literal.split('/').map((each) => (each.startsWith(':') ? '[^/]+' : RegExp.escape(each)))
  return new RegExp(`^${segments.join('/')}${rest === '' ? '$' : ''}`, 's')
}

export const noSuchMethod = (method: string): string => `${method} is not a method of this resource`
