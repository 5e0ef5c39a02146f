/**
 * The check of a cluster that stands still, from its metadata and the disks of its chunk servers. Nothing is written.
 */
import { type Disk, DiskError, type DiskFile, readWhole } from '@dfs/core'
import { formatId } from '@dfs/protocol'
import {
  copyLogName,
  type CopyState,
  copyStateName,
  type Crc32,
  IDENTITY_FILES,
  parseCopyState,
  parseIdentity,
  type RetiredCopy,
  type StoredIdentity,
  VOLUMES_DIRECTORY,
  volumesIn,
} from '@dfs/volume'
import { Beyond } from './beyond.ts'
import { checkBooks } from './books.ts'
import { checkVolume, type FoundCopy } from './copies.ts'
import { Cursor } from './cursor.ts'
import { readOrNothing } from './disk-reads.ts'
import { Findings, type Report } from './findings.ts'
import { checkMetadataCopies } from './metadata-copies.ts'
import { type Chunk, type MetadataDump, type Replica, type Volume } from './metadata.ts'
import { Past } from './past.ts'

export interface ClusterAtRest {
  readonly metadata: MetadataDump
  /** The disks of the chunk servers, with a name for each. */
  readonly disks: readonly { readonly name: string; readonly disk: Disk }[]
  readonly crc32: Crc32
  /** Takes what is found; with what was found in the metadata's own files already. */
  readonly findings?: Findings
  /** So many bytes more were read from the disks. */
  readonly onBytes?: (count: number) => void
  readonly signal?: AbortSignal
}

interface Server {
  readonly name: string
  readonly disk: Disk
}

/** Rejects if the metadata cannot be read at all, or with the signal's reason. */
export async function checkCluster(cluster: ClusterAtRest): Promise<Report> {
  const { findings = new Findings(), metadata, crc32 } = cluster
  const volumes = [...metadata.volumes()]
  checkBooks(metadata, volumes, findings)
  const { servers, strangers } = await findServers(cluster, findings)
  const deleted = new Set(metadata.deletedVolumes())
  const known = {
    deleted,
    volumeOf: new Map(volumes.flatMap(({ id, replicas }) => replicas.map(({ replica }) => [replica, id]))),
    endOf: new Map(volumes.map(({ id, committedEnd }) => [id, committedEnd])),
  }
  using chunks = new Cursor(metadata.chunksByVolume())
  for (const volume of volumes) {
    cluster.signal?.throwIfAborted()
    await checkOne(
      cluster,
      servers,
      { volume, chunks: chunks.all((chunk) => chunk.volume - volume.id) },
      findings,
    )
  }
  const beyond = new Beyond(new Past(metadata.history()), crc32)
  for (const server of [...servers.values(), ...strangers]) {
    cluster.signal?.throwIfAborted()
    await checkCopiesOn(server, known, { findings, beyond, crc32 })
    const { onBytes = () => {}, signal } = cluster
    await checkMetadataCopies({
      serverName: server.name,
      disk: server.disk,
      crc32,
      findings,
      onBytes,
      signal,
    })
  }
  beyond.report(findings)
  return findings.report()
}

/** The servers by their ids, as the disks name themselves; and those that the metadata does not know. */
async function findServers(
  { metadata, disks, crc32 }: ClusterAtRest,
  findings: Findings,
): Promise<{ servers: Map<number, Server>; strangers: Server[] }> {
  const byDisk = new Map([...metadata.servers()].map((server) => [server.diskUid, server]))
  const found = new Map<number, Server>()
  const strangers: Server[] = []
  for (const { name, disk } of disks) {
    const identities = await Promise.all(IDENTITY_FILES.map((file) => identityIn(disk, file, crc32)))
    const known = identities.find((identity) => typeof identity === 'object')
    const server = known === undefined ? undefined : byDisk.get(known.diskUid)
    // What is on the disk of a server that was removed counts for nothing: nothing is wrong with it.
    if (server?.isRemoved === true) continue
    for (const [index, identity] of identities.entries()) {
      // One that is missing beside another was being written for the first time, unless the cluster knows the server.
      const isLost = identity === 'damaged' || (identity === 'missing' && server !== undefined)
      if (isLost) findings.add('identity-damaged', name, IDENTITY_FILES[index]!)
    }
    if (server !== undefined) found.set(server.id, { name, disk })
    else strangers.push({ name, disk })
  }
  for (const { id, name, isRemoved } of byDisk.values()) {
    if (!found.has(id) && !isRemoved) findings.add('server-missing', name, `server ${id}`)
  }
  return { servers: found, strangers }
}

/** What a server wrote about itself, as far as that is to be had. */
async function identityIn(
  disk: Disk,
  name: string,
  crc32: Crc32,
): Promise<StoredIdentity | 'missing' | 'damaged'> {
  try {
    const bytes = await readWhole(disk, name)
    return bytes === null ? 'missing' : (parseIdentity(bytes, crc32) ?? 'damaged')
  } catch (error) {
    if (error instanceof DiskError) return 'damaged'
    throw error
  }
}

async function checkOne(
  { crc32, onBytes }: ClusterAtRest,
  servers: ReadonlyMap<number, Server>,
  { volume, chunks }: { volume: Volume; chunks: Iterable<Chunk> },
  findings: Findings,
): Promise<void> {
  const files: DiskFile[] = []
  const copies: FoundCopy[] = []
  for (const replica of volume.replicas) {
    const server = servers.get(replica.server)
    if (server === undefined || !mustBeThere(volume, replica)) continue
    const file = await openCopy(server, volume, replica, { findings, crc32 })
    if (file === null) continue
    files.push(file)
    copies.push({
      serverName: server.name,
      read: async (at, buffer) => {
        const count = await readOrNothing(file, at, buffer)
        onBytes?.(count)
        return count
      },
    })
  }
  findings.checked({ volumes: 1, copies: copies.length })
  try {
    await checkVolume({ volume, chunks, copies, crc32 }, findings)
  } finally {
    for (const file of files) await file.close()
  }
}

/** A copy that is known to be lost or bad need not be there, nor one of a volume to which nothing was ever committed. */
const mustBeThere = ({ committedEnd }: Volume, { state }: Replica): boolean =>
  committedEnd > 0 && (state === 'open' || state === 'in-sync')

/** The log of a copy whose note agrees with the metadata; null if there is none. */
async function openCopy(
  { name, disk }: Server,
  volume: Volume,
  { replica }: Replica,
  { findings, crc32 }: { findings: Findings; crc32: Crc32 },
): Promise<DiskFile | null> {
  const where = `volume ${formatId(volume.id)} on ${name}`
  const state = await stateOf(disk, volume.id, crc32)
  if (state === 'missing') {
    findings.add('copy-missing', where, copyStateName(volume.id))
    return null
  }
  if (state !== null && state.state === 'retired') {
    findings.add('copy-missing', where, 'it was being removed')
    return null
  }
  // Named with all that is on its disk: one that the metadata has given up is unreadable as well.
  if (state === null) return null
  if (state.replica !== replica) {
    findings.add('copy-other-replica', where, `replica ${state.replica}, not ${replica}`)
    return null
  }
  // Only the master seals: a copy cannot be sealed before its volume is.
  if (state.state === 'sealed' && state.sealedLengthBytes !== volume.sealedLength) {
    const detail = `sealed at ${state.sealedLengthBytes}, its volume ${volume.isOpen ? 'is open' : `at ${volume.sealedLength}`}`
    findings.add('copy-seal-differs', where, detail)
  }
  return await openLog(disk, volume, where, findings)
}

async function openLog(
  disk: Disk,
  volume: Volume,
  where: string,
  findings: Findings,
): Promise<DiskFile | null> {
  try {
    const file = await disk.open(copyLogName(volume.id), 'existing')
    const size = await file.size()
    if (size < volume.committedEnd) {
      findings.add('copy-short', where, `${size} bytes of ${volume.committedEnd}`)
    }
    return file
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    const kind = error.kind === 'missing' ? 'copy-missing' : 'copy-unreadable'
    findings.add(kind, where, `${copyLogName(volume.id)}: ${error.message}`)
    return null
  }
}

async function stateOf(
  disk: Disk,
  volume: number,
  crc32: Crc32,
): Promise<CopyState | RetiredCopy | 'missing' | null> {
  try {
    const bytes = await readWhole(disk, copyStateName(volume))
    return bytes === null ? 'missing' : parseCopyState(bytes, volume, crc32)
  } catch (error) {
    if (error instanceof DiskError) return null
    throw error
  }
}

interface Known {
  /** Volumes whose copies are to be dropped, wherever they turn up. */
  readonly deleted: ReadonlySet<number>
  /** By the id of a copy. */
  readonly volumeOf: ReadonlyMap<number, number>
  /** The committed end of each volume. */
  readonly endOf: ReadonlyMap<number, number>
}

/** Copies on a disk that the metadata does not know, and those whose note cannot be read; and what is behind the ends of all. */
async function checkCopiesOn(
  { name, disk }: Server,
  known: Known,
  { findings, beyond, crc32 }: { findings: Findings; beyond: Beyond; crc32: Crc32 },
): Promise<void> {
  const { states, logs } = volumesIn(await namesIn(disk))
  for (const volume of new Set([...states, ...logs])) {
    if (known.deleted.has(volume)) {
      findings.checked({ copiesToDrop: 1 })
      continue
    }
    const state = await stateOf(disk, volume, crc32)
    const where = `volume ${formatId(volume)} on ${name}`
    if (state === null) {
      findings.add('copy-unreadable', where, copyStateName(volume))
      continue
    }
    // The next start removes what is left of it.
    if (state !== 'missing' && state.state === 'retired') continue
    const isKnown =
      state === 'missing' ? await isEmpty(disk, volume) : known.volumeOf.get(state.replica) === volume
    if (!isKnown) findings.add('copy-unknown', where, 'the metadata has no such copy')
    if (state === 'missing') continue
    await beyond.look({ disk, serverName: name, state, committedEnd: known.endOf.get(volume) ?? 0 })
  }
}

/** Whether nothing ever stood in a log without a note: the making of the copy was cut off. */
async function isEmpty(disk: Disk, volume: number): Promise<boolean> {
  try {
    const file = await disk.open(copyLogName(volume), 'existing')
    try {
      return (await file.size()) === 0
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof DiskError) return false
    throw error
  }
}

async function namesIn(disk: Disk): Promise<string[]> {
  try {
    return await disk.list(VOLUMES_DIRECTORY)
  } catch (error) {
    if (error instanceof DiskError && error.kind === 'missing') return []
    throw error
  }
}
