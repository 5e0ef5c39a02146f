/** A sealed and verified copy in a data directory, as a chunk server leaves it: records of one size up to some length. */
import { mkdirSync, openSync, writeFileSync, writeSync, closeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from '@dfs/node-runtime'
import { type VolumeOrder } from '@dfs/protocol'
import {
  copyLogName,
  type CopyState,
  copyStateName,
  encodeCopyState,
  encodeIdentity,
  frameRecord,
  IDENTITY_FILES,
  sumContent,
  VOLUMES_DIRECTORY,
} from '@dfs/volume'

export interface VolumeOnDisk {
  readonly order: VolumeOrder
  readonly replica: number
  readonly recordBytes: number
  readonly totalBytes: number
}

/** Who a server is that has been in the cluster before: without that its copies are not its own. */
export function writeIdentity(directory: string, clusterId: string, serverId: number): void {
  mkdirSync(directory, { recursive: true })
  const diskUid = '0'.repeat(32)
  const identity = {
    formatVersion: 1 as const,
    diskUid,
    incarnation: 1,
    clusterId,
    serverId,
    seenEpoch: null,
  }
  for (const name of IDENTITY_FILES) writeFileSync(join(directory, name), encodeIdentity(identity, crc32))
}

/** The length at which it is sealed. */
export function writeVolume(
  directory: string,
  { order, replica, recordBytes, totalBytes }: VolumeOnDisk,
): number {
  mkdirSync(join(directory, VOLUMES_DIRECTORY), { recursive: true })
  const context = { salt: Buffer.from(order.salt, 'hex'), crc32 }
  const content = sumContent([new Uint8Array(recordBytes).map((_, at) => at * 7)], crc32)
  const witness = { counter: 1, nonce: '0123456789abcdef', sequence: 1 }
  const file = openSync(join(directory, copyLogName(order.volume)), 'w')
  let offset = 0
  for (let requestNumber = 0; offset < totalBytes; requestNumber += 1) {
    const written = { server: 1, incarnation: 1, requestNumber, start: 0, committedEnd: offset }
    const identity = {
      ...written,
      volume: order.volume,
      offset,
      witness,
      path: `/data/file-${requestNumber}`,
    }
    const { pieces, size } = frameRecord(identity, content, context)
    for (const piece of pieces) writeSync(file, piece)
    offset += size
  }
  closeSync(file)
  const state: CopyState = {
    formatVersion: 1,
    order,
    replica,
    state: 'sealed',
    sealedLengthBytes: offset,
    verifiedToBytes: offset,
  }
  writeFileSync(join(directory, copyStateName(order.volume)), encodeCopyState(state, crc32))
  return offset
}
