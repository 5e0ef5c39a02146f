/** Contents that lie in several volumes are written down with them, and no others: counts of files are made from that. */
import { Cursor } from '../cursor.ts'
import { type Findings } from '../findings.ts'
import { type MetadataDump } from '../metadata.ts'
import { ruleOf } from './rule.ts'

interface Lying {
  readonly content: number
  readonly volumes: ReadonlySet<number>
}

export function checkSpanning(dump: MetadataDump, findings: Findings): void {
  const written = dump.spanningContents()
  if (written === null) return
  const rule = ruleOf(findings, 'volume-books')
  const known = new Map([...gathered(written)].map(({ content, volumes }) => [content, volumes]))
  for (const { content, volumes } of gathered(filesOf(dump))) {
    const named = known.get(content) ?? new Set<number>()
    known.delete(content)
    const expected = volumes.size > 1 ? volumes : new Set<number>()
    if (named.symmetricDifference(expected).size === 0) continue
    rule(`content ${content}`, `lies in volumes ${shown(volumes)}, but ${shown(named)} are written down`)
  }
  for (const [content, named] of known) {
    rule(`content ${content}`, `volumes ${shown(named)} are written down, but it is of no file`)
  }
}

/** The chunks of contents that a version was made of. */
function* filesOf(dump: MetadataDump): Generator<{ content: number; volume: number }> {
  using versions = new Cursor(dump.versionsByContent())
  for (const chunk of dump.chunks()) {
    if (versions.find(({ content }) => (content ?? 0) - chunk.content) !== undefined) yield chunk
  }
}

/** The volumes of each content. */
function* gathered(
  places: Iterable<{ readonly content: number; readonly volume: number }>,
): Generator<Lying> {
  let [last, volumes] = [0, new Set<number>()]
  for (const { content, volume } of places) {
    if (content !== last) {
      if (volumes.size > 0) yield { content: last, volumes }
      ;[last, volumes] = [content, new Set()]
    }
    volumes.add(volume)
  }
  if (volumes.size > 0) yield { content: last, volumes }
}

const shown = (volumes: ReadonlySet<number>): string =>
  volumes.size === 0 ? 'none' : [...volumes].toSorted((a, b) => a - b).join(', ')
