/**
 * Counts what is stored by how many good copies there are of it. Every count is made anew from the volumes as they are: nothing
 * is counted up and down as things happen, so nothing can be forgotten to be lowered.
 *
 * Most contents lie in one volume, so the files of a grade are the sum over its volumes; a content that lies in several was
 * counted by each of them, and counts once, where its weakest volume does ({@link CopyTally.addSpanning}).
 */
import { type CopyCounts, type CopyCondition } from '@dfs/protocol'
import { type Grade, type Tally } from '../../metadata/copy-store.ts'
import { type Volume } from '../metadata/volume.ts'
import { conditionsOf, gradeOf, strengthOf, weaker } from './condition.ts'
import { type SeenServers } from './seen-servers.ts'

interface Counted extends Grade {
  volumes: number
  files: number
  bytes: number
  readonly causes: Map<number, Set<CopyCondition>>
}

export class CopyTally {
  readonly #seen: SeenServers
  readonly #wanted: number
  readonly #cells = new Map<number, Counted>()
  readonly #verifying = new Map<number, number>()
  readonly #damaged = new Map<number, number>()

  constructor(seen: SeenServers, wanted: number) {
    this.#seen = seen
    this.#wanted = wanted
  }

  /** Its grade. What holds no part of a file is missed by nobody: an upload under way, or one that was abandoned. */
  addVolume(volume: Volume): Grade {
    const conditions = conditionsOf(volume, this.#seen)
    const grade = gradeOf({ conditions, wanted: this.#wanted, hadMore: volume.hasDropped })
    if (volume.liveFiles === 0) return grade
    const cell = this.#cellOf(grade)
    cell.volumes += 1
    cell.files += volume.liveFiles
    cell.bytes += volume.liveBytes
    for (const [index, { server }] of volume.replicas.entries()) this.#note(cell, server, conditions[index]!)
    return grade
  }

  /** A content that lies in several volumes, with their grades as they were when they were added. */
  addSpanning(grades: readonly Grade[]): void {
    for (const grade of grades) this.#cellOf(grade).files -= 1
    this.#cellOf(grades.reduce(weaker)).files += 1
  }

  result(): Tally {
    const byStrength = [...this.#cells].toSorted(([a], [b]) => a - b)
    const cells = byStrength.map(([, cell]) => cell)
    return { wanted: this.#wanted, cells, verifying: this.#verifying, damaged: this.#damaged }
  }

  #cellOf(grade: Grade): Counted {
    const key = strengthOf(grade)
    const cell = this.#cells.get(key) ?? {
      ...grade,
      volumes: 0,
      files: 0,
      bytes: 0,
      causes: new Map(),
    }
    this.#cells.set(key, cell)
    return cell
  }

  #note({ causes }: Counted, server: number, condition: CopyCondition): void {
    if (condition === 'good') return
    const known = causes.get(server) ?? new Set<CopyCondition>()
    causes.set(server, known.add(condition))
    if (condition === 'verifying') raise(this.#verifying, server)
    if (condition === 'damaged') raise(this.#damaged, server)
  }
}

const raise = (counts: Map<number, number>, server: number): void => {
  counts.set(server, (counts.get(server) ?? 0) + 1)
}

/** For everybody: by number of good copies. */
export function copyCountsOf({ wanted, cells }: Tally, isEstimate: boolean): CopyCounts {
  const byCopies = new Map<number, CopyCounts['byCopies'][number]>()
  for (const { good, volumes, files, bytes } of cells) {
    const sum = byCopies.get(good) ?? { copies: good, volumes: 0, files: 0, bytes: 0 }
    sum.volumes += volumes
    sum.files += files
    sum.bytes += bytes
    byCopies.set(good, sum)
  }
  return { wanted, isEstimate, byCopies: [...byCopies.values()].toSorted((a, b) => b.copies - a.copies) }
}
