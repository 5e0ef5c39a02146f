/** Copies whose removal was cut off, and those of a server that was removed: no finding, since the next start removes the rest, unless the metadata needs one of them. */
import { writeDurably } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import { SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import {
  copyLogName,
  copyStateName,
  encodeCopyState,
  encodeIdentity,
  IDENTITY_FILES,
  VOLUMES_DIRECTORY,
} from '@dfs/volume'
import { expect, it } from 'vitest'
import { checkCluster } from '../src/index.ts'
import { type Volume } from '../src/metadata.ts'
import { dumpOf, volume } from './fixture/made-dump.ts'

const [SERVER, UID] = [2, 'ab'.repeat(16)]
const [VOLUME, REPLICA] = [7, 9]

/** What is found if the disk has a retired note, with the log or without it. */
async function found(volumes: readonly Volume[], hasLog: boolean, isRemoved = false): Promise<string[]> {
  const simulation = new Simulation('retired copies')
  const { disk } = simNode(new SimNetwork(simulation), 'server').runtime
  const identity = encodeIdentity(
    {
      formatVersion: 1,
      diskUid: UID,
      incarnation: 1,
      clusterId: 'cluster',
      serverId: SERVER,
      seenEpoch: null,
    },
    crc32,
  )
  const retired = { formatVersion: 2, volume: VOLUME, replica: REPLICA, state: 'retired' } as const
  return await simulation.complete(async () => {
    for (const name of IDENTITY_FILES) await writeDurably(disk, name, identity)
    await disk.makeDirectory(VOLUMES_DIRECTORY)
    await writeDurably(disk, copyStateName(VOLUME), encodeCopyState(retired, crc32))
    // Bytes that are no records: nobody is to look at them.
    if (hasLog) await writeDurably(disk, copyLogName(VOLUME), new Uint8Array(500).fill(7))
    const totals = { files: 0, directories: 0, links: 0, fileBytes: 0 }
    const nothing = {
      deletedVolumes: [],
      copiesUnderWay: [],
      chunks: [],
      versions: [],
      entries: [],
      trash: [],
      otherContents: [],
      spanning: [],
      totals,
    }
    const metadata = {
      ...dumpOf({ ...nothing, volumes: [...volumes] }),
      servers: () => [{ id: SERVER, diskUid: UID, name: 'server', isRemoved }],
    }
    const { findings } = await checkCluster({ metadata, disks: [{ name: 'server', disk }], crc32 })
    return findings.map(({ kind, where }) => `${kind} | ${where}`)
  })
}

it.each([true, false])(
  'are none of a volume that the metadata does not know; with a log: %s',
  async (hasLog) => {
    expect(await found([], hasLog)).toEqual([])
  },
)

it('are missing where the metadata counts on them', async () => {
  const replicas = [{ replica: REPLICA, server: SERVER, state: 'in-sync' }] as const
  expect(await found([{ ...volume(VOLUME, 500, 500), replicas }], true)).toContain(
    'copy-missing | volume 7 on server',
  )
})

it('of a server that was removed are looked at by nobody, and its disk need not be there', async () => {
  const replicas = [{ replica: REPLICA, server: SERVER, state: 'in-sync' }] as const
  expect(await found([{ ...volume(VOLUME, 500, 500), replicas }], true, true)).toEqual([])
})
