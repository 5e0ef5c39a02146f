/** The tree: every name is in a directory that is there, no path is too long, and the totals are what is there. */
import { utf8 } from '@dfs/core'
import { PATH_BYTES_MAX } from '@dfs/protocol'
import { type Findings } from '../findings.ts'
import { type Entry, type MetadataDump, type Totals } from '../metadata.ts'
import { type Rule, ruleOf } from './rule.ts'

const ROOT = 1

/** Where a directory is: below the root, or below what was deleted and is still in the totals, or neither. */
interface Place {
  readonly below: 'root' | 'deleted' | 'nothing'
  /** Of its path. */
  readonly bytes: number
}

const TOTALS = [
  ['files', 'files'],
  ['directories', 'directories'],
  ['links', 'links'],
  ['fileBytes', 'file_bytes'],
] as const

const NOWHERE: Place = { below: 'nothing', bytes: 0 }

type Sums = { -readonly [Name in keyof Totals]: number }

export function checkTree(dump: MetadataDump, findings: Findings): void {
  const directories = new Directories(dump)
  const tooLong = ruleOf(findings, 'path-too-long')
  const orphans = new Orphans(findings)
  const [present, deleted] = [noSums(), noSums()]
  for (const entry of dump.entries()) {
    const { parent, name } = entry
    if (!directories.has(parent)) orphans.note(entry)
    const { below, bytes } = directories.placeOf(parent)
    if (below === 'nothing') continue
    add(below === 'root' ? present : deleted, entry)
    const length = bytes + 1 + utf8(name).length
    if (below === 'root' && length > PATH_BYTES_MAX) {
      tooLong(`${name} (in directory ${parent})`, `its path has ${length} bytes`)
    }
  }
  orphans.end()
  findings.checked({ files: present.files })
  checkTotals(dump.totals(), present, deleted, findings)
}

/** What deleted directories held is subtracted over time, so the totals may still have it, whole or not at all. */
function checkTotals(stored: Totals, present: Totals, deleted: Totals, findings: Findings): void {
  for (const [name, label] of TOTALS) {
    const [total, least] = [stored[name], present[name]]
    if (total >= least && total <= least + deleted[name]) continue
    findings.add('totals-differ', label, `${total} in the totals, ${least} counted`)
  }
}

const noSums = (): Sums => ({ files: 0, directories: 0, links: 0, fileBytes: 0 })

function add(sums: Sums, { kind, size }: Entry): void {
  if (kind === 'file') sums.files += 1
  else if (kind === 'directory') sums.directories += 1
  else sums.links += 1
  sums.fileBytes += size
}

/** Entries without a directory: one finding for all that name the same one, which come one after the other. */
class Orphans {
  readonly #rule: Rule
  #of: Entry | null = null
  #count = 0

  constructor(findings: Findings) {
    this.#rule = ruleOf(findings, 'entry-without-parent')
  }

  note(entry: Entry): void {
    if (this.#of?.parent !== entry.parent) {
      this.end()
      this.#of = entry
    }
    this.#count += 1
  }

  end(): void {
    if (this.#of === null) return
    this.#rule(`directory ${this.#of.parent}`, `${this.#count} names, ${this.#of.name} among them`)
    this.#of = null
    this.#count = 0
  }
}

/** The directories that there are, deleted ones among them, and where each of them is. */
class Directories {
  readonly #parents = new Map<number, { readonly parent: number; readonly nameBytes: number }>()
  readonly #trashed = new Set<number>()
  readonly #places = new Map<number, Place>([[ROOT, { below: 'root', bytes: 0 }]])

  constructor(dump: MetadataDump) {
    for (const { id, kind, isCounted } of dump.trash()) {
      if (kind !== 'directory') continue
      this.#trashed.add(id)
      if (!isCounted) this.#places.set(id, { below: 'deleted', bytes: 0 })
    }
    for (const { id, parent, name } of dump.directories()) {
      this.#parents.set(id, { parent, nameBytes: utf8(name).length })
    }
  }

  has(id: number): boolean {
    return id === ROOT || this.#parents.has(id) || this.#trashed.has(id)
  }

  /** Goes up to the first directory whose place is known. One that is within itself is nowhere. */
  placeOf(id: number): Place {
    const way: { readonly id: number; readonly nameBytes: number }[] = []
    let at = id
    let place = this.#places.get(at)
    while (place === undefined) {
      const above = this.#parents.get(at)
      // Until its place is found: whoever comes here again has gone in a circle.
      this.#places.set(at, NOWHERE)
      if (above === undefined) place = NOWHERE
      else {
        way.push({ id: at, nameBytes: above.nameBytes })
        at = above.parent
        place = this.#places.get(at)
      }
    }
    for (const { id: below, nameBytes } of way.toReversed()) {
      if (place.below !== 'nothing') place = { below: place.below, bytes: place.bytes + 1 + nameBytes }
      this.#places.set(below, place)
    }
    return place
  }
}
