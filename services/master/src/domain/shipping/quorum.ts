/**
 * How many of the holders of the metadata's copies are enough for what (docs/adr/0021). Whoever recovers believes a copy when it reaches
 * most of the holders that the copy names; so a change of them has to be known to so many that any such majority meets one.
 */

/** The holders that there are to be. */
export const HOLDERS_WANTED = 3

/** Most of a set of so many; of none none are. */
export const mostOf = (count: number): number => (count === 0 ? 0 : Math.floor(count / 2) + 1)

/** So many of a set that every majority of it has one of them. */
export const enoughToChange = (count: number): number => (count === 0 ? 0 : count - mostOf(count) + 1)

/** What at least `need` of `values` have come to; -1 where there are fewer of them, and for none needed Infinity. */
export const reachedBy = (values: readonly number[], need: number): number =>
  need === 0 ? Infinity : (values.toSorted((a, b) => b - a)[need - 1] ?? -1)
