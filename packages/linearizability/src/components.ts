/**
 * Cutting a history into parts that can be judged alone. Linearizability is local: a history is linearizable exactly when
 * its part for each object is (Herlihy & Wing 1990; as a way to check faster: Horn & Kroening 2015, "Faster
 * linearizability checking via P-compositionality"). A name is such an object until a rename joins two of them; so the
 * objects here are the classes of names that renames connect, found with union-find.
 */
import { type ModelOperation, namesOf } from './model.ts'

export interface Component {
  /** Sorted. */
  readonly names: readonly string[]
  readonly operations: readonly ModelOperation[]
}

/** The components, sorted by their first name; operations keep their order. */
export function partition(operations: readonly ModelOperation[]): Component[] {
  const classes = new UnionFind()
  for (const operation of operations) {
    const [first, ...others] = namesOf(operation)
    if (first === undefined) continue
    classes.add(first)
    for (const other of others) classes.join(first, other)
  }
  const namesByRoot = Map.groupBy(classes.names(), (name) => classes.rootOf(name))
  const operationsByRoot = Map.groupBy(operations, ({ guard }) => classes.rootOf(guard.name))
  return [...namesByRoot]
    .map(([root, names]) => ({ names: names.toSorted(), operations: operationsByRoot.get(root) ?? [] }))
    .toSorted((a, b) => ((a.names[0] ?? '') < (b.names[0] ?? '') ? -1 : 1))
}

class UnionFind {
  readonly #parents = new Map<string, string>()

  names(): string[] {
    return [...this.#parents.keys()]
  }

  add(name: string): void {
    if (!this.#parents.has(name)) this.#parents.set(name, name)
  }

  rootOf(name: string): string {
    let at = name
    for (;;) {
      const parent = this.#parents.get(at) ?? at
      if (parent === at) return at
      const grandparent = this.#parents.get(parent) ?? parent
      // Halving the path keeps later searches short.
      this.#parents.set(at, grandparent)
      at = grandparent
    }
  }

  join(a: string, b: string): void {
    this.add(a)
    this.add(b)
    this.#parents.set(this.rootOf(a), this.rootOf(b))
  }
}
