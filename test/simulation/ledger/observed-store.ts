/**
 * The master's store, seen from outside: everything that it has decided is told to an observer, after it is durable and
 * before anybody is answered. The store itself is the real one and knows nothing of it.
 */
import { type MetadataStore } from '@dfs/master'
import { type CommandResult, type CopyOrder, type Epoch, type VolumeOrder } from '@dfs/protocol'

import { type CopyAction } from './ledger.ts'

type CommitRequest = Parameters<MetadataStore['commitBatch']>[0][number]
export type Registration = Parameters<MetadataStore['registerServer']>[0]
export type Reports = Parameters<MetadataStore['noteReports']>[1]

/** More than are made at a time. */
const REPAIRS_LOOKED_AT = 50

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
  /** A copy is to be made, to go, or to stay after all; `made` is the new one's own id. */
  acted(action: CopyAction, made: number | null): void
  /** Copies that a server is told to make. */
  toldToCopy(orders: readonly CopyOrder[]): void
  /** Whether anything was ever copied. */
  readonly watchesRepairs: boolean
  /** What the ledger of repairs says now of the newest ones. */
  repairs(repairs: Awaited<ReturnType<MetadataStore['repairing']['page']>>): void
  /** So many copies of deleted volumes have turned up. */
  turnedUp(count: number): void
  /** What the store says of the lengths of sealed volumes. */
  toldLengths(lengths: ReadonlyMap<number, number>): void
}

/** `store`, with `observer` told of everything. What a checker asks should be asked of the store itself. */
export function observeStore(store: MetadataStore, observer: StoreObserver): MetadataStore {
  observer.opened(store.epoch())
  const observed: Partial<MetadataStore> = {
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
      if (observer.watchesRepairs) observer.repairs(await newestRepairs(store))
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
    repairing: observeRepairs(store, observer),
    // The database is in memory: it outlives the process that closes it, as one on a disk does.
    close: async () => undefined,
    allocateVolumes: async (allocation, nowWallMs) => {
      const orders = await store.allocateVolumes(allocation, nowWallMs)
      observer.allocated(orders)
      return orders
    },
  }
  return instead(store, observed)
}

const newestRepairs = (store: MetadataStore): ReturnType<MetadataStore['repairing']['page']> =>
  store.repairing.page(Number.MAX_SAFE_INTEGER, REPAIRS_LOOKED_AT)

function observeRepairs(store: MetadataStore, observer: StoreObserver): MetadataStore['repairing'] {
  const { repairing } = store
  return instead(repairing, {
    copyOrders: async (...asked) => {
      const orders = await repairing.copyOrders(...asked)
      observer.toldToCopy(orders)
      return orders
    },
    carryOut: async (action, ground) => {
      const isDone = await repairing.carryOut(action, ground)
      if (!isDone) return false
      const made = action.kind === 'copy' ? await copyOn(repairing, action.volume, action.target) : null
      observer.acted(action, made)
      return true
    },
  })
}

/** The id of the copy on a server. */
async function copyOn(
  repairing: MetadataStore['repairing'],
  volume: number,
  target: number,
): Promise<number | null> {
  const [known] = await repairing.knownVolumes([volume])
  return known?.copies.find(({ server }) => server === target)?.id ?? null
}

/** `real`, but for some of its members. */
const instead = <T extends object>(real: T, observed: Partial<T>): T =>
  new Proxy(real, {
    get: (target, name) => {
      const member: unknown = Reflect.get(observed, name) ?? Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })

const lengthsOf = (orders: Awaited<ReturnType<MetadataStore['orders']>>): Map<number, number> =>
  new Map(orders.flatMap((order) => (order.kind === 'seal' ? [[order.volume, order.sealedLengthBytes]] : [])))
