/**
 * "The master knows how many good copies there are" (ADR 19): when all is quiet and every server has reported, its counts are those
 * of a look at the disks, file by file, without its books. A copy that was harmed on purpose may count or not, since nobody may
 * have read it yet; every other one that is whole on a disk of a living server counts, and none of a disk that is gone.
 */
import { type ChunkPlacement } from '@dfs/protocol'
import { type Atlas } from '../ledger/atlas.ts'
import { type Ledger, type LedgerVolume } from '../ledger/ledger.ts'
import { type SimCluster } from '../sim-cluster.ts'
import { contextAt } from '../sim-files.ts'
import { expectPromise } from './broken-promise.ts'

const COUNTED = 'the counts of copies are what is on the disks'

/** How many good copies there are, at the least and at the most. */
interface Bounds {
  readonly least: number
  readonly most: number
}

export interface CountedCluster {
  readonly cluster: SimCluster
  readonly ledger: Ledger
  readonly atlas: Atlas
}

export async function checkCopyCounts({ cluster, ledger, atlas }: CountedCluster): Promise<void> {
  const { counts } = await cluster.master.namespace.viewHealth(contextAt(cluster.master))
  expectPromise(counts?.isEstimate === false, COUNTED, () => 'some server has not reported')
  const volumes = new Map([...ledger.volumes].map(([id, volume]) => [id, boundsOf(volume, ledger, atlas)]))
  const contents = [...ledger.versions.values()]
    .map(({ chunks }) => chunks)
    .filter(({ length }) => length > 0)
  const holding = new Set(contents.flat().map(({ volume }) => volume))
  const files = contents.map((chunks) => weakest(chunks, volumes))
  const bytes = [...holding].map((id) => bytesIn(ledger.volumes.get(id)!))
  for (let copies = 0; copies <= 1 + counts!.wanted; copies += 1) {
    const having = counts!.byCopies.filter((row) => row.copies >= copies)
    const shown = (what: string): string => `${what} with ${copies} good copies or more`
    compare(shown('files'), sum(having.map((row) => row.files)), numbersOf(files, copies))
    compare(
      shown('volumes'),
      sum(having.map((row) => row.volumes)),
      numbersOf(
        [...holding].map((id) => volumes.get(id)!),
        copies,
      ),
    )
    if (copies === 0)
      compare('bytes', sum(having.map((row) => row.bytes)), { least: sum(bytes), most: sum(bytes) })
  }
}

function boundsOf(volume: LedgerVolume, ledger: Ledger, atlas: Atlas): Bounds {
  let [least, most] = [0, 0]
  for (const { server, state } of volume.copies.values()) {
    const disk = ledger.diskOf(server)
    if (disk === null || atlas.isGone(disk) || volume.failedOn.has(server)) continue
    most += 1
    if (state === 'there' && !atlas.isHarmed(disk, volume.order.volume) && atlas.isWhole(disk, volume))
      least += 1
  }
  return { least, most }
}

const weakest = (chunks: readonly ChunkPlacement[], volumes: ReadonlyMap<number, Bounds>): Bounds => {
  const each = chunks.map(({ volume }) => volumes.get(volume)!)
  return {
    least: Math.min(...each.map(({ least }) => least)),
    most: Math.min(...each.map(({ most }) => most)),
  }
}

/** How many have so many copies, at the least and at the most. */
const numbersOf = (all: readonly Bounds[], copies: number): Bounds => ({
  least: all.filter(({ least }) => least >= copies).length,
  most: all.filter(({ most }) => most >= copies).length,
})

const bytesIn = ({ chunks }: LedgerVolume): number => sum(chunks.map(({ recordSize }) => recordSize))

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

function compare(what: string, counted: number, { least, most }: Bounds): void {
  const isRight = counted >= least && counted <= most
  expectPromise(isRight, COUNTED, () => `${what}: ${counted} are counted, ${least} to ${most} are there`)
}
