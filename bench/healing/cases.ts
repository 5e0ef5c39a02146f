/** What is measured when servers are lost: with which files, and whether clients go on meanwhile. Pure. */

export interface HealingCase {
  readonly name: string
  readonly inWords: string
  readonly fileBytes: number
  readonly hasTraffic: boolean
}

/** A GiB in 10,000 files. */
const FILE_BYTES = 107_374

export const HEALING_CASES = [
  { name: 'idle', inWords: '105 KiB files', fileBytes: FILE_BYTES, hasTraffic: false },
  { name: 'traffic', inWords: '105 KiB files, clients', fileBytes: FILE_BYTES, hasTraffic: true },
  { name: 'small', inWords: '1 KiB files', fileBytes: 1024, hasTraffic: false },
] as const satisfies readonly HealingCase[]

/** Also `copies`: one copy at a time between two servers, which tells the source from the target (bench/copies). */
export const HEALING_PARTS = ['idle', 'traffic', 'small', 'copies'] as const
export type HealingPart = (typeof HEALING_PARTS)[number]

export interface HealingOptions {
  readonly parts: readonly HealingPart[]
  /** Of files in each case. */
  readonly mib: number
  /** Servers that are lost, one after the other: 1 or 2 of five. */
  readonly losses: number
  /** Requests of clients in a second, in the case that has some. */
  readonly requestsPerSecond: number
}

/** Files with the wanted bytes together. */
export const filesCountOf = ({ mib }: Pick<HealingOptions, 'mib'>, { fileBytes }: HealingCase): number =>
  Math.max(1, Math.round((mib * 2 ** 20) / fileBytes))
