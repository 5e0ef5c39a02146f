/** Between two attempts time passes, and the client goes on sending: what is decided after it counts. */
import { type InboundStream, type StreamRequest, type Transport, TransportError } from '@dfs/core'
import { type RequestContext, type ServerInfo, SMALL_WRITE_BYTES_MAX, UNCONDITIONAL } from '@dfs/protocol'
import { type WriteRequest } from '@dfs/public-api'
import { expect, it } from 'vitest'
import { type Coordinators } from '../src/coordinators.ts'
import { PassOn } from '../src/pass-on.ts'
import { PassedWrites } from '../src/passed-writes.ts'
import { FakeClock, RecordingLog } from './fixture/world.ts'

const CONTEXT: RequestContext = { requestId: 'r', deadlineMs: 30_000, timeMs: 30_000 }
const REQUEST: WriteRequest = {
  path: '/f' as WriteRequest['path'],
  precondition: UNCONDITIONAL,
  contentType: 'text/plain',
  executable: false,
  declaredSize: null,
  digests: [],
}
const serverOf = (id: number) => ({ id, name: `s${id}`, internalAddress: `s${id}` }) as ServerInfo

it('gives a body up, and nothing else, that became too long to begin anew while another server was looked for', async () => {
  const late = Promise.withResolvers<Uint8Array | null>()
  const pieces = [Promise.resolve(Uint8Array.of(1)), late.promise]
  const source = { next: () => pieces.shift() ?? Promise.resolve(null) }
  const asked: string[] = []
  const transport = {
    async stream(address: string, { stream }: StreamRequest): Promise<never> {
      asked.push(address)
      await stream.next()
      // Asked for, and not there yet when the server breaks off.
      void (stream as InboundStream['stream']).next()
      throw new TransportError('broke off', { wasSent: true })
    },
  } as unknown as Transport
  const coordinators = {
    async next(tried: ReadonlySet<number>) {
      if (tried.size === 1) {
        late.resolve(new Uint8Array(SMALL_WRITE_BYTES_MAX))
        await new Promise((resolve) => setImmediate(resolve))
      }
      return tried.size === 2 ? null : serverOf(tried.size + 1)
    },
    answers: async () => true,
  } as unknown as Coordinators
  const deps = { clock: new FakeClock(), log: new RecordingLog(), passed: new PassedWrites(1) }
  const writing = new PassOn({ ...deps, transport, coordinators }).write(REQUEST, source, CONTEXT)
  await expect(writing).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(asked).toEqual(['s1'])
})
