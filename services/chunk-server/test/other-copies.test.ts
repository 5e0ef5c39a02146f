/** Who may have bytes for a repair: the master's word counts, and the note's set serves while there is none. */
import { silentLog, TransportError } from '@dfs/core'
import { DfsError, methodHandler, readBytes, type ServerInfo, serveMethod } from '@dfs/protocol'
import { SimNetwork, simNode, Simulation } from '@dfs/sim-runtime'
import { expect, it } from 'vitest'
import { type MasterSession } from '../src/master/master-session.ts'
import { ServerDirectory } from '../src/master/server-directory.ts'
import { type VolumeCopy } from '../src/volume/volume-copy.ts'
import { otherCopies } from '../src/workers/other-copies.ts'

/** The servers 1 (this one), 2 and 3 were to have a copy; each server answers a read with its own number. */
const NOTE = [1, 2, 3].map((server) => ({ replica: server + 10, server, incarnation: 1 }))
const copy = { state: { order: { volume: 7, replicas: NOTE } } } as unknown as VolumeCopy

/** The servers that a repair would read from, in order, by the bytes that they give; 0 is one that gives none. */
async function sourcesWhere(answer: () => unknown, unreachable: readonly number[] = []): Promise<number[]> {
  const simulation = new Simulation('copies')
  const network = new SimNetwork(simulation)
  const self = simNode(network, 'self')
  const directory = new ServerDirectory(self.runtime.clock)
  directory.update(
    [2, 3, 4, 5].map((id) => ({ id, incarnation: 1, internalAddress: `s${id}` }) as ServerInfo),
  )
  for (const server of unreachable) directory.noteFailure(server)
  const session = { callCurrent: async () => answer() } as unknown as Pick<MasterSession, 'callCurrent'>
  return await simulation.complete(async () => {
    for (const id of [2, 3, 4]) {
      const read = serveMethod(readBytes, async ({ size }) => [new Uint8Array(size).fill(id)])
      await simNode(network, `s${id}`).runtime.transport.serve(methodHandler([read]), [read.route])
    }
    const { transport } = self.runtime
    const sources = await otherCopies(copy, { transport, session, directory, self: () => 1, log: silentLog })
    const given: number[] = []
    for (const read of sources) {
      const buffer = new Uint8Array(1)
      given.push((await read(0, buffer)) === 0 ? 0 : buffer[0]!)
    }
    return given
  })
}

const known = (server: number, state: string): object => ({ server, replica: server + 20, state })
const throwing = (error: Error) => (): never => {
  throw error
}

it('asks those who have a copy by the books of the master, not those who were to have one', async () => {
  const answer = { sealedLengthBytes: 100, copies: [known(4, 'inSync'), known(1, 'damaged')] }
  expect(await sourcesWhere(() => answer)).toEqual([4])
})

it('keeps the order of the master, but for those that lately did not answer', async () => {
  const answer = {
    sealedLengthBytes: 100,
    copies: [known(4, 'inSync'), known(2, 'unverified'), known(5, 'lost')],
  }
  expect(await sourcesWhere(() => answer)).toEqual([4, 2, 0])
  expect(await sourcesWhere(() => answer, [4])).toEqual([2, 0, 4])
})

it('has nobody to ask if the master knows no such volume', async () => {
  expect(await sourcesWhere(throwing(new DfsError('VOLUME_NOT_FOUND', 'none')))).toEqual([])
})

it('asks those who were to have one while the master says nothing, or is older than the question', async () => {
  expect(await sourcesWhere(throwing(new TransportError('nobody', { wasSent: false })))).toEqual([2, 3])
  expect(await sourcesWhere(throwing(new DfsError('ROUTE_NOT_FOUND', 'it is new')))).toEqual([2, 3])
  expect(await sourcesWhere(throwing(new DfsError('STALE_EPOCH', 'a backup')))).toEqual([2, 3])
})
