/** Asks every server for what it has and the metadata does not know, and makes a plan of how that gets its rows. */
import { type Transport } from '@dfs/core'
import {
  callMethod,
  DfsError,
  findRecords,
  type FoundRecord,
  type HeldCopy,
  KNOWN_ENDS_MAX,
  listHeldCopies,
  parseFilePath,
} from '@dfs/protocol'
import {
  knownRequests,
  type MetadataFacts,
  type StagedUpload,
  stagedUploads,
} from '../local/metadata-facts.ts'
import { type NewServer, type Salvage, type ToName } from '../local/new-history.ts'
import { type Recoverable } from '../local/recoverable.ts'
import { type Answered } from './history.ts'
import {
  contentsOf,
  endsOf,
  FoundRecords,
  keyOf,
  type LostContent,
  type LostWrite,
  lostWrites,
} from './lost-writes.ts'
import { tooOld } from './servers.ts'
import { findStrangers, type Held, type Strangers } from './strangers.ts'

const LIST_TIMEOUT_MS = 20_000
const FIND_TIMEOUT_MS = 60_000

export interface Lost {
  readonly salvage: Salvage
  /** Writes of which the metadata knows the content by another place. */
  readonly knownCount: number
  /** Records that are not salvaged, since there are too many. */
  readonly leftOut: number
  /** Servers whose copies are not taken in: they do not say who they are. */
  readonly nameless: readonly string[]
}

/** A server that takes part, by its id. */
interface Member {
  readonly id: number
  readonly incarnation: number
  readonly answered: Answered
}

export async function findLost(
  transport: Transport,
  { facts, database }: Pick<Recoverable, 'facts' | 'database'>,
  { answered, isRelinked }: { readonly answered: readonly Answered[]; readonly isRelinked: boolean },
): Promise<Lost> {
  const { members, nameless } = membersOf(facts, answered)
  const held = await Promise.all(
    members.map(async (member) => ({ ...(await listCopies(transport, member)), member })),
  )
  const strangers = findStrangers(facts, held)
  const found = new FoundRecords()
  await Promise.all(held.map((one) => findAll(transport, one, strangers.toLookAt, found)))
  const wanted = new Set([...found.all()].map(({ record }) => keyOf(record)))
  const known = knownRequests(database, wanted)
  const uploads = await Promise.all(
    stagedUploads(database).map(async (upload) => ({
      ...upload,
      path: await pathOf(transport, held, upload),
    })),
  )
  const zones = new Map(facts.servers.map(({ id, zone }) => [id, zone]))
  const zonesOf = (servers: readonly number[]): number =>
    new Set(servers.map((id) => zones.get(id) ?? `server ${id}`)).size
  const { sealedAt } = strangers
  const small = smallVolumes(facts, strangers)
  const isLong = (volume: number): boolean => !small.has(volume)
  const writes = lostWrites({ found, sealedAt, known, uploads, isLong, zonesOf })
  return {
    salvage: {
      servers: newServers(facts, members),
      volumes: strangers.volumes,
      replicas: strangers.replicas,
      ends: endsOf({ found, sealedAt }),
      toName: namesFor(writes, isRelinked ? small : new Set()),
    },
    knownCount: known.size,
    leftOut: found.leftOut,
    nameless,
  }
}

/** A new disk that belongs to no cluster yet has nothing of this one. */
function membersOf(
  { servers }: MetadataFacts,
  answered: readonly Answered[],
): { members: Member[]; nameless: string[] } {
  const taken = new Map(servers.map(({ id, diskUid }) => [id, diskUid]))
  const members: Member[] = []
  const nameless: string[] = []
  for (const one of answered) {
    const { server, testimony } = one
    if (testimony.clusterId === null) continue
    const id = server.id ?? testimony.server?.id
    // It got its id in a history that was given up, and another one has it now: it gets a new one when it registers.
    const isTaken = id !== undefined && (taken.get(id) ?? testimony.diskUid) !== testimony.diskUid
    if (id === undefined || isTaken) nameless.push(server.name)
    else members.push({ id, incarnation: testimony.server?.incarnation ?? 1, answered: one })
  }
  return { members, nameless }
}

const newServers = ({ servers }: MetadataFacts, members: readonly Member[]): NewServer[] => {
  const known = new Set(servers.map(({ id }) => id))
  return members
    .filter(({ id }) => !known.has(id))
    .map(({ id, incarnation, answered: { server, testimony } }) => {
      const { name, diskUid } = testimony
      return { id, incarnation, name, diskUid, internalAddress: server.internalAddress }
    })
}

async function listCopies(transport: Transport, { id, incarnation, answered }: Member): Promise<Held> {
  const address = answered.server.internalAddress
  const copies: HeldCopy[] = []
  try {
    for (let after: number | null = 0; after !== null;) {
      const request: { after: number } = { after }
      const page: { copies: HeldCopy[]; next: number | null } = await callMethod(
        transport,
        address,
        listHeldCopies,
        request,
        { timeoutMs: LIST_TIMEOUT_MS },
      )
      copies.push(...page.copies)
      after = page.next
    }
  } catch (error) {
    throw tooOld(error, address) ?? error
  }
  return { server: id, incarnation, copies }
}

type HeldBy = Held & { readonly member: Member }

/** All records of one server in the volumes that are to be looked at. */
async function findAll(
  transport: Transport,
  { copies, member }: HeldBy,
  toLookAt: ReadonlyMap<number, number>,
  found: FoundRecords,
): Promise<void> {
  const ends = copies.flatMap(({ volume }) => {
    const end = toLookAt.get(volume)
    return end === undefined ? [] : [{ volume, end }]
  })
  for (let at = 0; at < ends.length; at += KNOWN_ENDS_MAX) {
    const part = ends.slice(at, at + KNOWN_ENDS_MAX)
    let from: { volume: number; offset: number } | null = null
    do {
      const page: Awaited<ReturnType<typeof findPage>> = await findPage(transport, member, {
        ends: part,
        from,
      })
      for (const record of page.records) found.add(member.id, record)
      from = page.next
    } while (from !== null)
  }
}

const findPage = (
  transport: Transport,
  { answered: { server } }: Member,
  request: {
    ends: { volume: number; end: number }[]
    from: { volume: number; offset: number } | null
    recordsMax?: number
  },
): Promise<{ records: FoundRecord[]; next: { volume: number; offset: number } | null }> =>
  callMethod(
    transport,
    server.internalAddress,
    findRecords,
    { ...request, isOnly: true },
    { timeoutMs: FIND_TIMEOUT_MS },
  )

/** The path of a long write that was under way: its first record says it, wherever that can be read. */
async function pathOf(
  transport: Transport,
  held: readonly HeldBy[],
  upload: StagedUpload,
): Promise<string | null> {
  const [first] = upload.chunks
  if (first === undefined) return null
  const { volume, offset } = first
  for (const { copies, member } of held) {
    if (!copies.some((copy) => copy.volume === volume)) continue
    const request = { ends: [{ volume, end: offset }], from: null, recordsMax: 1 }
    const { records } = await findPage(transport, member, request)
    const [record] = records
    if (record?.offset === offset && record.start === first.start) return record.path
  }
  return null
}

/** Volumes whose records are whole files. */
function smallVolumes(facts: MetadataFacts, strangers: Strangers): Set<number> {
  const known = facts.volumes.filter(({ isLarge }) => !isLarge).map(({ id }) => id)
  return new Set([...known, ...strangers.volumes.filter(({ kind }) => kind === 'small').map(({ id }) => id)])
}

/**
 * Back to its place goes what is certain to be the whole file, and the only write of its path that was found: no record says which
 * of several came last, nor how long a file in several records was.
 */
function namesFor(writes: readonly LostWrite[], smallVolumesOf: ReadonlySet<number>): ToName[] {
  const counts = new Map<string, number>()
  for (const { path } of writes) if (path !== null) counts.set(path, (counts.get(path) ?? 0) + 1)
  return writes.flatMap((write) =>
    contentsOf(write).map((content) => ({
      content,
      path: labelOf(content),
      isInPlace:
        content.gap === null &&
        content.chunks.every(({ volume }) => smallVolumesOf.has(volume)) &&
        write.path !== null &&
        counts.get(write.path) === 1 &&
        isPath(write.path),
    })),
  )
}

const labelOf = ({ write, from }: LostContent): string => {
  const path = write.path ?? `/write-${keyOf(write)}`
  return from === 0 ? path : `${path}.from-${from}`
}

function isPath(text: string): boolean {
  try {
    parseFilePath(text)
    return true
  } catch (error) {
    if (error instanceof DfsError) return false
    throw error
  }
}
