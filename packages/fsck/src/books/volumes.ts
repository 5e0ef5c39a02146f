/** What the rows of each volume say of it, against each other and against the records that chunks have in it. */
import { Cursor } from '../cursor.ts'
import { type Findings } from '../findings.ts'
import { type Chunk, type Live, type MetadataDump, type Replica, type Volume } from '../metadata.ts'
import { type Rule, ruleOf } from './rule.ts'

export function checkVolumes(dump: MetadataDump, volumes: readonly Volume[], findings: Findings): void {
  checkLengths(dump, volumes, findings)
  checkDeletion(dump, volumes, findings)
  checkCopies(dump, volumes, findings)
  checkHolders(dump, volumes, findings)
}

function checkLengths(dump: MetadataDump, volumes: readonly Volume[], findings: Findings): void {
  const [reaches, lengths, overlaps, counts] = [
    ruleOf(findings, 'volume-books'),
    ruleOf(findings, 'volume-books'),
    ruleOf(findings, 'volume-books'),
    ruleOf(findings, 'volume-books'),
  ]
  using chunks = new Cursor(dump.chunksByVolume())
  for (const { id, isOpen, committedEnd, sealedLength, live } of volumes) {
    const where = `volume ${id}`
    const sum = sumOf(
      chunks.all(({ volume }) => volume - id),
      where,
      overlaps,
    )
    if (sum.end > committedEnd) {
      reaches(where, `committed up to ${committedEnd}, but its chunks reach ${sum.end}`)
    }
    if (isOpen !== (sealedLength === null) || (sealedLength ?? committedEnd) !== committedEnd) {
      lengths(where, `committed up to ${committedEnd}, sealed at ${sealedLength}`)
    }
    if (live !== null && !isSame(live, sum.live)) {
      counts(where, `${shown(live)} are counted, ${shown(sum.live)} are there`)
    }
  }
}

/** Volumes that are being deleted are noted as such, and none that is there to stay; all copies are dropped with their volume. */
function checkDeletion(dump: MetadataDump, volumes: readonly Volume[], findings: Findings): void {
  const [notes, copies] = [ruleOf(findings, 'volume-books'), ruleOf(findings, 'volume-books')]
  using deleted = new Cursor(dump.deletedVolumes())
  for (const { id, isDeleting, replicas } of volumes) {
    const where = `volume ${id}`
    const isNoted = deleted.find((each) => each - id) !== undefined
    if (isNoted !== isDeleting) {
      notes(
        where,
        isNoted ? 'noted as deleted, but it is there to stay' : 'being deleted, but not noted as that',
      )
    }
    const odd = replicas.find(({ state }) => isDeleting && state !== 'dropping')
    if (odd !== undefined) copies(where, `copy ${odd.replica} is ${odd.state}, and its volume being deleted`)
  }
}

/** States that there are in sealed volumes alone. */
const AFTER_SEAL: ReadonlySet<Replica['state']> = new Set(['in-sync', 'copying', 'surplus', 'dropping'])

/** A copy is made again of a sealed volume, one on a server, and is in the ledger as long as that; a volume that stays keeps some. */
function checkCopies(dump: MetadataDump, volumes: readonly Volume[], findings: Findings): void {
  const [states, servers, ledger, lasting] = [
    ruleOf(findings, 'volume-books'),
    ruleOf(findings, 'volume-books'),
    ruleOf(findings, 'volume-books'),
    ruleOf(findings, 'volume-books'),
  ]
  const running = dump.copiesUnderWay()
  const underWay = new Set(running)
  for (const { id, isOpen, isDeleting, replicas } of volumes) {
    const where = `volume ${id}`
    const early = replicas.find(({ state }) => isOpen && AFTER_SEAL.has(state))
    if (early !== undefined) states(where, `copy ${early.replica} is ${early.state}, and its volume is open`)
    if (new Set(replicas.map(({ server }) => server)).size < replicas.length)
      servers(where, 'has two copies on one server')
    for (const { replica, state } of replicas) {
      const isRunning = underWay.delete(replica)
      if (running === null || isRunning === (state === 'copying')) continue
      ledger(
        where,
        `copy ${replica} is ${state}, and ${isRunning ? 'said to be' : 'not said to be'} under way`,
      )
    }
    const isGoing =
      replicas.length > 0 && replicas.every(({ state }) => state === 'dropping' || state === 'copying')
    if (!isDeleting && isGoing) lasting(where, 'has no copy that is to stay')
  }
  for (const replica of underWay) ledger(`copy ${replica}`, 'is said to be under way, and there is none')
}

/** Copies are on servers that there are records of; one that was removed appends to none. */
function checkHolders(dump: MetadataDump, volumes: readonly Volume[], findings: Findings): void {
  const [known, open] = [ruleOf(findings, 'volume-books'), ruleOf(findings, 'volume-books')]
  const servers = new Map([...dump.servers()].map((server) => [server.id, server]))
  for (const { id, isOpen, replicas } of volumes) {
    for (const { replica, server } of replicas) {
      const holder = servers.get(server)
      if (holder === undefined)
        known(`volume ${id}`, `copy ${replica} is on server ${server}, and there is none`)
      else if (isOpen && holder.isRemoved)
        open(`volume ${id}`, `is open, with a copy on ${holder.name}, which was removed`)
    }
  }
}

interface Sum {
  /** Where the records end. */
  readonly end: number
  readonly live: Live
}

/** All chunks of a volume; records that overlap are named. One record may be of several contents. */
function sumOf(chunks: Iterable<Chunk>, where: string, overlaps: Rule): Sum {
  let [offset, end] = [0, 0]
  let [bytes, count] = [0, 0]
  const contents = new Set<number>()
  for (const chunk of chunks) {
    if (chunk.offset > offset && chunk.offset < end) {
      overlaps(where, `the records at ${offset} and ${chunk.offset} overlap`)
    }
    const chunkEnd = chunk.offset + chunk.recordSize
    if (chunkEnd > end) [offset, end] = [chunk.offset, chunkEnd]
    bytes += chunk.recordSize
    count += 1
    if (chunk.isOfVersion) contents.add(chunk.content)
  }
  return { end, live: { bytes, chunks: count, files: contents.size } }
}

const isSame = (one: Live, other: Live): boolean =>
  one.bytes === other.bytes && one.chunks === other.chunks && one.files === other.files

const shown = ({ bytes, chunks, files }: Live): string =>
  `${chunks} chunks, ${bytes} bytes and ${files} contents`
