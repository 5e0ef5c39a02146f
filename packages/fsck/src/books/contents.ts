/** Contents: their chunks are in volumes that are there, something refers to them, and they are the bytes of their versions. */
import { Cursor } from '../cursor.ts'
import { type Findings } from '../findings.ts'
import { type MetadataDump, type PlacedChunk, type Volume } from '../metadata.ts'
import { ruleOf } from './rule.ts'

/** The chunks of one content, taken together. */
interface Sum {
  readonly content: number
  readonly chunks: number
  readonly bytes: number
  readonly first: number
  readonly last: number
}

const NO_CHUNKS: Sum = { content: 0, chunks: 0, bytes: 0, first: 0, last: 0 }

export function checkContents(dump: MetadataDump, volumes: readonly Volume[], findings: Findings): void {
  checkPlaces(dump, volumes, findings)
  checkReferrers(dump, findings)
  checkVersions(dump, findings)
}

function checkPlaces(dump: MetadataDump, volumes: readonly Volume[], findings: Findings): void {
  const [homeless, overlaps] = [
    ruleOf(findings, 'chunk-without-volume'),
    ruleOf(findings, 'content-incomplete'),
  ]
  const known = new Set(volumes.flatMap(({ id, isDeleting }) => (isDeleting ? [] : [id])))
  let longest: PlacedChunk | null = null
  for (const chunk of dump.chunks()) {
    const where = `content ${chunk.content}`
    if (!known.has(chunk.volume)) {
      homeless(where, `the chunk at ${chunk.start} is said to be in volume ${chunk.volume}`)
    }
    if (longest?.content !== chunk.content) longest = null
    if (longest !== null && chunk.start < endOf(longest)) {
      overlaps(where, `the chunks at ${longest.start} and ${chunk.start} overlap`)
    }
    if (longest === null || endOf(chunk) > endOf(longest)) longest = chunk
  }
}

function checkReferrers(dump: MetadataDump, findings: Findings): void {
  const rule = ruleOf(findings, 'chunk-without-referrer')
  using inUse = new Cursor(dump.contentsInUse())
  for (const { content, chunks, bytes } of sumsOf(dump.chunks())) {
    if (inUse.find((id) => id - content) !== undefined) continue
    rule(`content ${content}`, `${chunks} chunks, ${bytes} bytes`)
  }
}

function checkVersions(dump: MetadataDump, findings: Findings): void {
  const rule = ruleOf(findings, 'content-incomplete')
  using sums = new Cursor(sumsOf(dump.chunks()))
  for (const { file, id, size, content } of dump.versionsByContent()) {
    const found = content === null ? undefined : sums.find((sum) => sum.content - content)
    const { chunks, bytes, first, last } = found ?? NO_CHUNKS
    if (bytes === size && last === size && first === 0) continue
    rule(
      `file ${file}, version ${id}`,
      `${size} bytes, but its ${chunks} chunks have ${bytes}, up to ${last}`,
    )
  }
}

function* sumsOf(chunks: Iterable<PlacedChunk>): Generator<Sum> {
  let sum: Sum | null = null
  for (const chunk of chunks) {
    const { content, start } = chunk
    if (sum !== null && sum.content !== content) {
      yield sum
      sum = null
    }
    const before: Sum = sum ?? { content, chunks: 0, bytes: 0, first: start, last: 0 }
    sum = {
      ...before,
      chunks: before.chunks + 1,
      bytes: before.bytes + chunk.length,
      last: Math.max(before.last, endOf(chunk)),
    }
  }
  if (sum !== null) yield sum
}

const endOf = ({ start, length }: PlacedChunk): number => start + length
