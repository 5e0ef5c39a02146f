/** The lengths of each volume against each other and against the records that chunks have in it. */
import { Cursor } from '../cursor.ts'
import { type Findings } from '../findings.ts'
import { type Chunk, type MetadataDump, type Volume } from '../metadata.ts'
import { type Rule, ruleOf } from './rule.ts'

export function checkVolumes(dump: MetadataDump, volumes: readonly Volume[], findings: Findings): void {
  const [reaches, lengths, overlaps] = [
    ruleOf(findings, 'volume-books'),
    ruleOf(findings, 'volume-books'),
    ruleOf(findings, 'volume-books'),
  ]
  using chunks = new Cursor(dump.chunksByVolume())
  for (const { id, isOpen, committedEnd, sealedLength } of volumes) {
    const where = `volume ${id}`
    const last = lastEnd(
      chunks.all(({ volume }) => volume - id),
      where,
      overlaps,
    )
    if (last > committedEnd) {
      reaches(where, `committed up to ${committedEnd}, but its chunks reach ${last}`)
    }
    if (isOpen !== (sealedLength === null) || (sealedLength ?? committedEnd) !== committedEnd) {
      lengths(where, `committed up to ${committedEnd}, sealed at ${sealedLength}`)
    }
  }
}

/** Where the records end; those that overlap are named. One record may be of several contents. */
function lastEnd(chunks: Iterable<Chunk>, where: string, overlaps: Rule): number {
  let [offset, end] = [0, 0]
  for (const chunk of chunks) {
    if (chunk.offset > offset && chunk.offset < end) {
      overlaps(where, `the records at ${offset} and ${chunk.offset} overlap`)
    }
    const chunkEnd = chunk.offset + chunk.recordSize
    if (chunkEnd > end) [offset, end] = [chunk.offset, chunkEnd]
  }
  return end
}
