/** What this server has on its disk: who it is, how much room there is, its copies of volumes and of the metadata. */
import { Listeners, type Runtime, type SpaceWatch } from '@dfs/core'
import { type Crc32, type Witness } from '@dfs/volume'
import { ClientLoad } from '../copying/client-load.ts'
import { watchSpace } from '../disk-space.ts'
import { ServerIdentity } from '../identity/identity.ts'
import { WitnessKeeper } from '../identity/witness-keeper.ts'
import { MetadataCopies } from '../metadata-copies/metadata-copies.ts'
import { type Tuning } from '../tuning.ts'
import { AppendGuard } from '../volume/append-guard.ts'
import { VolumeStore } from '../volume/volume-store.ts'

export interface StorageOptions {
  readonly crc32: Crc32
  readonly tuning: Tuning
  /** With less room than this on its disk, this server takes no more bytes. */
  readonly freeSpaceFloorBytes: number
}

export interface Storage {
  readonly identity: ServerIdentity
  /** What was seen of the master gets onto the disk. */
  readonly witness: WitnessKeeper
  readonly space: SpaceWatch
  /** The disk has become full, or has room again. */
  readonly spaceChanged: Listeners
  readonly store: VolumeStore
  readonly metadataCopies: MetadataCopies
  /** What clients ask of the disk; what is stored is noted already. */
  readonly clientLoad: ClientLoad
}

/** Begins a new incarnation, and has found every copy when it resolves. */
export async function openStorage(
  { clock, random, disk, log }: Runtime,
  { crc32, tuning, freeSpaceFloorBytes: floorBytes }: StorageOptions,
): Promise<Storage> {
  const identity = await ServerIdentity.open({ disk, crc32, log }, random.fork('identity'))
  const witness = new WitnessKeeper({ clock, log, identity })
  const spaceChanged = new Listeners()
  const space = await watchSpace({ disk, floorBytes, onChange: () => spaceChanged.call() })
  const clientLoad = new ClientLoad(clock)
  const { openFilesMax, lookAgainMs } = tuning
  const guard = new AppendGuard({ space, witness, clientLoad })
  const keepWitness = (found: Witness | null) => identity.writeDownSeen(found)
  const store = await VolumeStore.open({
    clock,
    disk,
    crc32,
    log,
    openFilesMax,
    lookAgainMs,
    guard,
    keepWitness,
  })
  const metadataCopies = await MetadataCopies.open(
    { disk, crc32, log, guard, keepWitness },
    identity.clusterId,
  )
  await identity.adopt(store.witness)
  await identity.adopt(metadataCopies.witness)
  return { identity, witness, space, spaceChanged, store, metadataCopies, clientLoad }
}
