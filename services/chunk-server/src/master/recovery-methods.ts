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
  MASTER_SILENT_MS,
  MIB,
  serveMethod,
  type ServedMethod,
  testify,
} from '@dfs/protocol'
import { scanVolume } from '@dfs/volume'
import { type ServerIdentity } from '../identity/identity.ts'
import { type MasterSession } from './master-session.ts'
import { type ServerDirectory } from './server-directory.ts'
import { isGone } from '../volume/gone-copies.ts'
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
      servers: directory.servers.map(({ id, name: other, internalAddress }) => {
        return { id, name: other, internalAddress }
      }),
    })),
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

interface Place {
  readonly volume: number
  readonly offset: number
}

async function find(
  store: VolumeStore,
  { ends, from }: { readonly ends: readonly { volume: number; end: number }[]; readonly from: Place | null },
): Promise<{ records: FoundRecord[]; next: Place | null }> {
  const endOf = new Map(ends.map(({ volume, end }) => [volume, end]))
  const records: FoundRecord[] = []
  let bytesRead = 0
  const copies = store.all().toSorted((a, b) => a.state.order.volume - b.state.order.volume)
  for (const copy of copies) {
    const { volume } = copy.state.order
    if (from !== null && volume < from.volume) continue
    const known = endOf.get(volume) ?? 0
    const at = from?.volume === volume ? Math.max(known, from.offset) : known
    const span = { at, end: copy.readableLength }
    try {
      for await (const found of scanVolume(copy.readTolerantly, copy.scanOptions(span))) {
        if (records.length >= FOUND_RECORDS_MAX || bytesRead >= READ_BYTES_MAX) {
          return { records, next: { volume, offset: found.at } }
        }
        bytesRead += found.end - found.at
        if (found.kind === 'invalid') continue
        const { path, start, length, server, incarnation, requestNumber: number } = found.header
        records.push({ volume, offset: found.at, path, start, length, server, incarnation, number })
      }
    } catch (error) {
      if (!isGone(error)) throw error
    }
  }
  return { records, next: null }
}
