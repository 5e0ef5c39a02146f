/** The chunk servers of a cluster without a master, asked one by one at their internal addresses. */
import { TransportError, type Transport } from '@dfs/core'
import {
  beginHistory,
  callMethod,
  DfsError,
  type Epoch,
  findRecords,
  type FoundRecord,
  testify,
} from '@dfs/protocol'
import { type Answered, type KnownServer } from './history.ts'

const TIMEOUT_MS = 5000
const FIND_TIMEOUT_MS = 60_000
/** Records that are looked at for the report; more only make it longer. */
const RECORDS_MAX = 100_000

export interface Asked {
  readonly answered: readonly Answered[]
  readonly silent: readonly KnownServer[]
}

/**
 * Asks all servers that the metadata knows, and then those that they know. An address may have another disk than the
 * metadata says: then the server there is one of its own, and the disk that was expected has not answered.
 */
export async function askAll(transport: Transport, known: readonly KnownServer[]): Promise<Asked> {
  const answered = new Map<string, Answered>()
  const asked = new Set<string>()
  const unanswered = new Map<string, KnownServer>()
  for (let next = known; next.length > 0;) {
    const addresses = [...new Set(next.map(({ internalAddress }) => internalAddress))].filter(
      (address) => !asked.has(address),
    )
    const round = await Promise.all(addresses.map((address) => ask(transport, address)))
    for (const [at, address] of addresses.entries()) {
      asked.add(address)
      if (round[at] === null)
        unanswered.set(
          address,
          next.find((server) => server.internalAddress === address)!,
        )
    }
    const told: KnownServer[] = []
    for (const one of round) {
      if (one === null) continue
      const { diskUid, name } = one.testimony
      const listed = known.find((server) => server.diskUid === diskUid)
      const server = listed ?? { id: null, name, diskUid, internalAddress: one.address }
      answered.set(diskUid, { server: { ...server, internalAddress: one.address }, testimony: one.testimony })
      told.push(
        ...one.testimony.servers.map(({ id, name: other, internalAddress }) => ({
          id,
          name: other,
          internalAddress,
          diskUid: null,
        })),
      )
    }
    next = told.filter(({ internalAddress }) => !asked.has(internalAddress))
  }
  const silent = known.filter(({ diskUid }) => diskUid === null || !answered.has(diskUid))
  const ids = new Set(known.map(({ id }) => id))
  // If the metadata knows a server, its disk decides; these joined after the metadata was copied.
  const joined = [...unanswered.values()].filter(({ id, diskUid }) => diskUid === null && !ids.has(id))
  const unknown = joined.map((server) => ({ ...server, id: null }))
  return { answered: [...answered.values()], silent: [...silent, ...unknown] }
}

async function ask(
  transport: Transport,
  address: string,
): Promise<{ address: string; testimony: Answered['testimony'] } | null> {
  try {
    const testimony = await callMethod(transport, address, testify, {}, { timeoutMs: TIMEOUT_MS })
    return { address, testimony }
  } catch (error) {
    if (error instanceof TransportError) return null
    if (error instanceof DfsError && error.code === 'ROUTE_NOT_FOUND') {
      throw new DfsError(
        'UNAVAILABLE',
        `the program at ${address} is too old to be asked: start a newer one there`,
        {
          cause: error,
        },
      )
    }
    throw error
  }
}

type Place = { readonly volume: number; readonly offset: number } | null

/** Records of one server beyond the committed ends; at most RECORDS_MAX of them. */
export async function findUnknownRecords(
  transport: Transport,
  { server }: Answered,
  ends: readonly { readonly volume: number; readonly end: number }[],
): Promise<FoundRecord[]> {
  const records: FoundRecord[] = []
  let from: Place = null
  do {
    const request = { ends: [...ends], from: from as Place }
    const page: { records: FoundRecord[]; next: Place } = await callMethod(
      transport,
      server.internalAddress,
      findRecords,
      request,
      { timeoutMs: FIND_TIMEOUT_MS },
    )
    records.push(...page.records)
    from = page.next
  } while (from !== null && records.length < RECORDS_MAX)
  return records
}

/**
 * Every server takes note of the new history, durably. A new disk that belongs to no cluster yet has seen nothing of the old
 * one, and is passed over. Throws what the first one that cannot says.
 */
export async function announce(
  transport: Transport,
  answered: readonly Answered[],
  history: { readonly clusterId: string; readonly epoch: Epoch },
): Promise<void> {
  for (const { server, testimony } of answered) {
    if (testimony.clusterId === null) continue
    try {
      await callMethod(transport, server.internalAddress, beginHistory, history, { timeoutMs: TIMEOUT_MS })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new DfsError(
        'UNAVAILABLE',
        `${server.name} did not take note of the new history: ${why}. Run the command again.`,
        {
          cause: error,
        },
      )
    }
  }
}
