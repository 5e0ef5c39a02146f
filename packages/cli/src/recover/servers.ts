/** The chunk servers of a cluster without a master, asked one by one at their internal addresses. */
import { TransportError, type Transport } from '@dfs/core'
import { beginHistory, callMethod, DfsError, type Epoch, testify } from '@dfs/protocol'
import { type Answered, type KnownServer } from './history.ts'

const TIMEOUT_MS = 5000

export interface Asked {
  readonly answered: readonly Answered[]
  readonly silent: readonly KnownServer[]
}

/** A server of which nothing but its address is known. */
export const namedServer = (internalAddress: string): KnownServer => ({
  id: null,
  name: internalAddress,
  diskUid: null,
  internalAddress,
})

/**
 * Asks all servers that the metadata knows, those `also` named, and then those that they know. An address may have another disk
 * than the metadata says: then the server there is one of its own, and the disk that was expected has not answered.
 */
export async function askAll(
  transport: Transport,
  known: readonly KnownServer[],
  also: readonly KnownServer[] = [],
): Promise<Asked> {
  const answered = new Map<string, Answered>()
  const asked = new Set<string>()
  const unanswered = new Map<string, KnownServer>()
  for (let next = [...known, ...also]; next.length > 0;) {
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
    throw tooOld(error, address) ?? strange(error, address)
  }
}

/** What to say of a server that does not know the question; null if it is something else. */
export const tooOld = (error: unknown, address: string): DfsError | null =>
  error instanceof DfsError && error.code === 'ROUTE_NOT_FOUND'
    ? new DfsError(
        'UNAVAILABLE',
        `the program at ${address} is too old to be asked: start a newer one there. Or it is the address for clients: name the one for other nodes`,
        { cause: error },
      )
    : null

const strange = (error: unknown, address: string): unknown =>
  error instanceof DfsError && error.code === 'ACCESS_DENIED'
    ? new DfsError(
        'ACCESS_DENIED',
        `${address}: ${error.detail}: name the key of its cluster by --key FILE`,
        {
          cause: error,
        },
      )
    : error

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
