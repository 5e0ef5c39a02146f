/** Sizes and numbers of things as people read them, the same in every program: in the tool, on pages, in reasons of health. */
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** For example `1.5 MiB`. */
export function formatBytes(count: number): string {
  let value = count
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? String(value) : value.toFixed(1)} ${UNITS[unit]!}`
}

export const formatCount = (count: number, noun: string, plural = `${noun}s`): string =>
  `${count} ${count === 1 ? noun : plural}`
/** For example `12,040 files`. */
export const formatAmount = (count: number, noun: string, plural = `${noun}s`): string =>
  `${String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',')} ${count === 1 ? noun : plural}`

/** `a`, `a and b`, `a, b and 3 more`: at most `namedMax` names. */
export function formatNames(names: readonly string[], namedMax: number): string {
  const rest = names.length - namedMax
  const named = rest > 0 ? [...names.slice(0, namedMax), `${rest} more`] : names
  const last = named.at(-1) ?? ''
  return named.length < 2 ? last : `${named.slice(0, -1).join(', ')} and ${last}`
}
