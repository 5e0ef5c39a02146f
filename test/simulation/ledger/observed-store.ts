/**
 * The master's store, seen from outside: everything that it has decided is told to an observer, after it is durable and
 * before anybody is answered. The store itself is the real one and knows nothing of it.
 */
import { type MetadataStore } from '@dfs/master'
import { type CommandResult, type Epoch, type VolumeOrder } from '@dfs/protocol'

type CommitRequest = Parameters<MetadataStore['commitBatch']>[0][number]
export type Registration = Parameters<MetadataStore['registerServer']>[0]
export type KnownVolume = Awaited<ReturnType<MetadataStore['repairing']['knownVolumes']>>[number]
export type Reports = Parameters<MetadataStore['noteReports']>[1]

/** One sender's commands and what became of them. */
export interface Decision {
  readonly request: CommitRequest
  readonly results: readonly CommandResult[]
  readonly epoch: Epoch
}

export interface StoreObserver {
  opened(epoch: Epoch): void
  decided(decision: Decision): void
  allocated(orders: readonly VolumeOrder[]): void
  registered(registration: Registration, server: number): void
  reported(server: number, reports: Reports): void
  sealed(volumes: readonly number[]): void
  /** Nobody is sent to these volumes any more, and their copies are to be dropped. */
  deleted(volumes: readonly number[]): void
  /** Which copies of a volume there are, as the books have it. */
  copies(volume: KnownVolume): void
  /** So many copies of deleted volumes have turned up. */
  turnedUp(count: number): void
  /** What the store says of the lengths of sealed volumes. */
  toldLengths(lengths: ReadonlyMap<number, number>): void
}

/** `store`, with `observer` told of everything. What a checker asks should be asked of the store itself. */
export function observeStore(store: MetadataStore, observer: StoreObserver): MetadataStore {
  observer.opened(store.epoch())
  const tellCopies = async (volumes: readonly number[]): Promise<void> => {
    for (const volume of await store.repairing.knownVolumes(volumes)) observer.copies(volume)
  }
  const repairing: Partial<MetadataStore['repairing']> = {
    carryOut: async (action, ground) => {
      const isDone = await store.repairing.carryOut(action, ground)
      if (isDone) await tellCopies([action.volume])
      return isDone
    },
  }
  const observed: Partial<MetadataStore> = {
    repairing: overlaid(store.repairing, repairing),
    commitBatch: async (requests, nowWallMs) => {
      const reply = await store.commitBatch(requests, nowWallMs)
      for (const [index, request] of requests.entries()) {
        observer.decided({ request, results: reply.results[index]!, epoch: store.epoch() })
      }
      return reply
    },
    registerServer: async (registration, nowWallMs) => {
      const outcome = await store.registerServer(registration, nowWallMs)
      observer.registered(registration, outcome.server)
      observer.sealed(outcome.sealedVolumes)
      return outcome
    },
    noteReports: async (from, reports, nowWallMs) => {
      const outcome = await store.noteReports(from, reports, nowWallMs)
      observer.sealed(outcome.sealedVolumes)
      observer.turnedUp(outcome.strays.length)
      observer.reported(from.server, reports)
      await tellCopies(reports.map(({ volume }) => volume))
      return outcome
    },
    sealVolumes: async (volumes, reason, nowWallMs) => {
      const lengths = await store.sealVolumes(volumes, reason, nowWallMs)
      observer.sealed(volumes)
      observer.toldLengths(new Map(volumes.map((volume, index) => [volume, lengths[index]!])))
      return lengths
    },
    orders: async (server, countMax, knowsDrop) => {
      const orders = await store.orders(server, countMax, knowsDrop)
      observer.toldLengths(lengthsOf(orders))
      return orders
    },
    deleteEmptyVolumes: async (countMax, clusterMs) => {
      const step = await store.deleteEmptyVolumes(countMax, clusterMs)
      observer.deleted(step.deleted)
      return step
    },
    // The database is in memory: it outlives the process that closes it, as one on a disk does.
    close: async () => undefined,
    allocateVolumes: async (allocation, nowWallMs) => {
      const orders = await store.allocateVolumes(allocation, nowWallMs)
      observer.allocated(orders)
      return orders
    },
  }
  return overlaid(store, observed)
}

/** `inner`, with some of its members exchanged. */
const overlaid = <T extends object>(inner: T, members: Partial<T>): T =>
  new Proxy(inner, {
    get: (target, name) => {
      const member: unknown = Reflect.get(members, name) ?? Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })

const lengthsOf = (orders: Awaited<ReturnType<MetadataStore['orders']>>): Map<number, number> =>
  new Map(orders.flatMap((order) => (order.kind === 'seal' ? [[order.volume, order.sealedLengthBytes]] : [])))
