/** Adds up what all runs did, and says it: many seeds that together exercised too little show here. */
import { FAULT_KINDS } from '../faults/draw-plan.ts'
import { type RunReport } from '../run/report.ts'

/** Among so many seeds every kind of fault happens, or something is wrong with how faults are drawn or counted. */
const ALL_KINDS_AFTER_SEEDS = 100

/** What many runs must have come to besides faults. */
const EXERCISED: readonly { readonly count: (report: RunReport) => number; readonly why: string }[] = [
  { count: ({ heldPieces }) => heldPieces, why: 'no client was slow to take a large piece' },
  { count: ({ deletions }) => deletions, why: 'no volume was deleted' },
  { count: ({ drops }) => drops, why: 'no copy was dropped' },
  { count: ({ turnedUp }) => turnedUp, why: 'no copy of a deleted volume has turned up' },
  { count: ({ copies }) => copies.made, why: 'no copy was made again' },
  { count: ({ copies }) => copies.resumed, why: 'no copy was gone on with after a start of its server' },
  {
    count: ({ copies }) => copies.ordersRepeated,
    why: 'no start of the master has repeated an order to copy',
  },
  { count: ({ copies }) => copies.cancelled, why: 'no copy that was being made was cancelled' },
  { count: ({ copies }) => copies.failed, why: 'no server has given up a copy' },
  { count: ({ copies }) => copies.incomplete, why: 'no copy was made for which something was found nowhere' },
  { count: ({ copies }) => copies.released, why: 'no copy was let go because others were enough' },
  {
    count: ({ copies }) => copies.wrongAtSources,
    why: 'nothing that was copied was wrong where it came from',
  },
  { count: ({ copies }) => copies.mended, why: 'no copy was mended of a volume that was copied' },
]

export class Summary {
  readonly #reports: RunReport[] = []

  add(report: RunReport): void {
    this.#reports.push(report)
  }

  /** What these runs lack to prove anything, or null. */
  whyTooLittle(): string | null {
    if (this.#reports.length === 0) return 'no seed was run'
    if (this.#reports.length < ALL_KINDS_AFTER_SEEDS) return null
    const missing = FAULT_KINDS.filter((kind) => this.#reports.every(({ faults }) => !(kind in faults)))
    if (missing.length > 0)
      return `in ${this.#reports.length} seeds these faults have never happened: ${missing.join(', ')}`
    const lacking = EXERCISED.find(({ count }) => this.#reports.every((report) => count(report) === 0))
    return lacking === undefined ? null : `in ${this.#reports.length} seeds ${lacking.why}`
  }

  /** Lines for people; `tookMs` is real time. */
  lines(tookMs: number): string[] {
    const reports = this.#reports
    const hours = sum(reports, ({ virtualMs }) => virtualMs) / 3_600_000
    const minutes = tookMs / 60_000
    return [
      `${reports.length} seeds, ${hours.toFixed(1)} simulated hours in ${(tookMs / 1000).toFixed(0)} s`,
      `${(reports.length / minutes).toFixed(0)} seeds and ${(hours / minutes).toFixed(1)} simulated hours a minute`,
      `operations: ${counts(reports.map(({ operations }) => operations))}`,
      `copies: ${counts(reports.map(({ copies }) => ({ ...copies })))}`,
      `faults: ${counts(reports.map(({ faults }) => faults))}; ${sum(reports, ({ diskHits }) => diskHits)} disk operations hit`,
      [
        `${sum(reports, ({ acknowledgedWrites }) => acknowledgedWrites)} acknowledged writes`,
        `${sum(reports, ({ volumes }) => volumes)} volumes`,
        `${sum(reports, ({ seals }) => seals)} seals`,
        `${sum(reports, ({ deletions }) => deletions)} deleted`,
        `${sum(reports, ({ drops }) => drops)} copies dropped`,
        `${sum(reports, ({ turnedUp }) => turnedUp)} turned up again`,
        `${sum(reports, ({ restarts }) => restarts)} restarts`,
        `${sum(reports, ({ repeatedRequests }) => repeatedRequests)} repeated requests`,
        `${sum(reports, ({ replays }) => replays)} replays under a key`,
        `${sum(reports, ({ heldPieces }) => heldPieces)} large pieces held`,
        `${sum(reports, ({ checks }) => checks)} checks`,
        `${sum(reports, ({ events }) => events)} events`,
      ].join(', '),
    ]
  }
}

const sum = (reports: readonly RunReport[], value: (report: RunReport) => number): number =>
  reports.reduce((total, report) => total + value(report), 0)

/** `a 3, b 1`: most first. */
function counts(all: readonly Readonly<Record<string, number>>[]): string {
  const totals = new Map<string, number>()
  for (const one of all) {
    for (const [name, count] of Object.entries(one)) totals.set(name, (totals.get(name) ?? 0) + count)
  }
  return [...totals]
    .toSorted(([, left], [, right]) => right - left)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}
