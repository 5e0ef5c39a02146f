/**
 * The numbers of one process for Prometheus. A metric is a name and a function that reads the number where it is kept
 * anyway; it is called when somebody asks, so that a metric costs nothing until then, and can show no other number than the
 * rest of the program. What is counted on a busy path is counted there, in plain fields and in `Distribution`s of core.
 *
 * There is no global registry: each service of a process has its own, and a test may run several. prom-client's, which makes
 * the text, is loaded with the first question.
 */
import { assert, type Distribution, type Timings } from '@dfs/core'
import { type Metric, type Registry } from 'prom-client'

/** Their values are few and known beforehand: never a path, the name of a file, or anything else that clients choose. */
export type Labels = Readonly<Record<string, string>>
export type Sample<Value = number> = readonly [labels: Labels, value: Value]
/** Reads one number, or one for each set of labels; null if it is not known. */
export type Read<Value = number> = () => Readings<Value> | Promise<Readings<Value>>
type Readings<Value> = Value | null | Iterable<Sample<Value>>

type Type = 'counter' | 'gauge' | 'histogram'

/** A line of the text, as prom-client takes it. */
interface Line {
  readonly labels: Labels
  readonly value: number
  readonly metricName?: string
}

const NAME = /^dfs(_[a-z0-9]+)+$/

export class Metrics {
  readonly #registered: Metric[] = []
  readonly #names = new Set<string>()
  #registry: Promise<Registry> | null = null

  /** What goes up and down, in base units: seconds, bytes. */
  gauge(name: string, help: string, read: Read): void {
    this.#add('gauge', name, help, async () => samplesOf(await read()).map(lineOf))
  }

  /** What only rises, from 0 at the start of the process; the name ends in `_total`. */
  counter(name: string, help: string, read: Read): void {
    assert(name.endsWith('_total'), `${name}: a counter ends in _total`)
    this.#add('counter', name, help, async () => samplesOf(await read()).map(lineOf))
  }

  /** How values are distributed; its name ends in their unit. */
  histogram(name: string, help: string, read: Read<Distribution>): void {
    this.#add('histogram', name, help, async () =>
      samplesOf(await read()).flatMap((sample) => linesOf(name, sample)),
    )
  }

  /** All of them, in the text format of Prometheus. Rejects with what a reader throws. */
  async text(): Promise<{ readonly contentType: string; readonly text: string }> {
    this.#registry ??= this.#open()
    const registry = await this.#registry
    return { contentType: registry.contentType, text: await registry.metrics() }
  }

  #add(type: Type, name: string, help: string, read: () => Promise<Line[]>): void {
    assert(NAME.test(name) && !this.#names.has(name), `${name}: a metric has a name of its own`)
    assert(this.#registry === null, `${name}: metrics are named before anybody asks for them`)
    this.#names.add(name)
    const get = async () => ({ name, help, type, values: await read() })
    // What the registry calls of a metric; its types know prom-client's own classes alone.
    this.#registered.push({ name, help, type, get, reset: () => {} } as unknown as Metric)
  }

  async #open(): Promise<Registry> {
    const { default: PromRegistry } = await import('prom-client/lib/registry.js')
    const registry = new PromRegistry()
    for (const metric of this.#registered) registry.registerMetric(metric)
    return registry
  }
}

/** Durations with their two labels. */
export const timingSamples = (timings: Timings, what: string, outcome: string): Sample<Distribution>[] =>
  Array.from(timings, ([own, ended, durations]): Sample<Distribution> => [
    { [what]: own, [outcome]: ended },
    durations,
  ])

function samplesOf<Value extends number | Distribution>(readings: Readings<Value>): Sample<Value>[] {
  if (readings === null) return []
  if (typeof readings === 'object' && Symbol.iterator in readings) return [...readings]
  return [[{}, readings]]
}

const lineOf = ([labels, value]: Sample): Line => ({ labels, value })

function linesOf(name: string, [labels, { bounds, counts, sum }]: Sample<Distribution>): Line[] {
  let count = 0
  const buckets = Array.from(counts, (own, index) => {
    count += own
    const le = index === bounds.length ? '+Inf' : String(bounds[index])
    return { labels: { ...labels, le }, value: count, metricName: `${name}_bucket` }
  })
  return [
    ...buckets,
    { labels, value: sum, metricName: `${name}_sum` },
    { labels, value: count, metricName: `${name}_count` },
  ]
}
