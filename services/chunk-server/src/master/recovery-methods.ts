/**
 * What this server does for whoever begins a new history of the metadata (`dfs recover`): it tells what it has seen and what
 * it has, and takes note of the new history. It believes nobody who says that the master is gone: if a master has answered
 * this server lately, no history begins here.
 */
import { type Clock } from '@dfs/core'
import {
  beginHistory,
  DfsError,
  findRecords,
  FOUND_RECORDS_MAX,
  type FoundRecord,
  HELD_COPIES_MAX,
  type HeldCopy,
  listHeldCopies,
  MASTER_SILENT_MS,
  MIB,
  serveMethod,
  type ServedMethod,
  testify,
} from '@dfs/protocol'
import { combineBlocks, isBeingCopied, type RecordHeader, scanVolume } from '@dfs/volume'
import { type ServerIdentity } from '../identity/identity.ts'
import { type MasterSession } from './master-session.ts'
import { type ServerDirectory } from './server-directory.ts'
import { isGone } from '../volume/gone-copies.ts'
import { type VolumeCopy } from '../volume/volume-copy.ts'
import { type VolumeStore } from '../volume/volume-store.ts'

/** Read for one answer, at most, and up to the end of a record. */
const READ_BYTES_MAX = 64 * MIB

export interface RecoveryMethodDeps {
  readonly clock: Clock
  readonly name: string
  readonly identity: ServerIdentity
  readonly store: VolumeStore
  readonly directory: ServerDirectory
  readonly session: MasterSession
}

export function recoveryMethods(deps: RecoveryMethodDeps): ServedMethod[] {
  const { clock, name, identity, directory, session } = deps
  const startedAtMs = clock.monotonicMs()
  const masterSilentMs = (): number => Math.floor(session.silentForMs ?? clock.monotonicMs() - startedAtMs)
  return [
    serveMethod(testify, async () => ({
      name,
      diskUid: identity.diskUid,
      clusterId: identity.clusterId,
      seenEpoch: identity.knownEpoch,
      masterSilentMs: masterSilentMs(),
      ...(identity.isRegistered
        ? { server: { id: identity.serverId, incarnation: identity.incarnation } }
        : {}),
      servers: directory.servers.map(({ id, name: other, internalAddress }) => {
        return { id, name: other, internalAddress }
      }),
    })),
    serveMethod(listHeldCopies, async ({ after }) => held(deps.store, after)),
    serveMethod(findRecords, (request) => find(deps.store, request)),
    serveMethod(beginHistory, async ({ clusterId, epoch }) => {
      if (identity.clusterId !== clusterId) {
        throw new DfsError('WRONG_CLUSTER', `this server is of cluster ${identity.clusterId}`)
      }
      // Asked again, it is the new history whose master may be there already.
      if (identity.isNewStart(epoch) && masterSilentMs() < MASTER_SILENT_MS) {
        throw new DfsError('UNAVAILABLE', `a master answered ${masterSilentMs()} ms ago: it lives`)
      }
      await identity.observe(epoch)
      return {}
    }),
  ]
}

const inOrder = (store: VolumeStore): VolumeCopy[] =>
  store.all().toSorted((a, b) => a.state.order.volume - b.state.order.volume)

function held(store: VolumeStore, after: number): { copies: HeldCopy[]; next: number | null } {
  const left = inOrder(store).filter(({ state }) => state.order.volume > after)
  const copies = left.slice(0, HELD_COPIES_MAX).map(({ state }): HeldCopy => {
    const { order, replica, sealedLengthBytes } = state
    const { volume, kind, salt, primary } = order
    const isSealed = state.state === 'sealed'
    return {
      volume,
      replica,
      kind,
      salt,
      primary,
      sealedLength: isSealed ? sealedLengthBytes : null,
      isBeingMade: isBeingCopied(state),
    }
  })
  return { copies, next: left.length > copies.length ? copies.at(-1)!.volume : null }
}

interface Place {
  readonly volume: number
  readonly offset: number
}

interface Search {
  readonly ends: readonly { readonly volume: number; readonly end: number }[]
  readonly from: Place | null
  readonly isOnly?: boolean | undefined
  readonly recordsMax?: number | undefined
}

async function find(
  store: VolumeStore,
  { ends, from, isOnly = false, recordsMax = FOUND_RECORDS_MAX }: Search,
): Promise<{ records: FoundRecord[]; next: Place | null }> {
  const endOf = new Map(ends.map(({ volume, end }) => [volume, end]))
  const records: FoundRecord[] = []
  let bytesRead = 0
  for (const copy of inOrder(store)) {
    const { volume } = copy.state.order
    if (from !== null && volume < from.volume) continue
    if (isOnly && !endOf.has(volume)) continue
    const known = endOf.get(volume) ?? 0
    const at = from?.volume === volume ? Math.max(known, from.offset) : known
    const span = { at, end: copy.readableLength }
    try {
      for await (const found of scanVolume(copy.readTolerantly, copy.scanOptions(span))) {
        if (records.length >= recordsMax || bytesRead >= READ_BYTES_MAX) {
          return { records, next: { volume, offset: found.at } }
        }
        bytesRead += found.end - found.at
        if (found.kind === 'invalid') continue
        records.push(foundAt(found.at, found.header))
      }
    } catch (error) {
      if (!isGone(error)) throw error
    }
  }
  return { records, next: null }
}

const foundAt = (offset: number, header: RecordHeader): FoundRecord => {
  const { volume, path, start, length, server, incarnation, requestNumber: number } = header
  return {
    volume,
    offset,
    path,
    start,
    length,
    server,
    incarnation,
    number,
    size: header.headerSize + length,
    crc32: combineBlocks(header.blockCrcs, length),
  }
}
