/** Bodies on their way to chunk servers: what clients do meanwhile ends no process and takes no place from others. */
import {
  type ByteSource,
  type StreamOptions,
  type StreamRequest,
  type Transport,
  TransportError,
} from '@dfs/core'
import { ManualClock } from '@dfs/core/testing'
import {
  type RequestContext,
  type ServerInfo,
  SMALL_WRITE_BYTES_MAX,
  UNCONDITIONAL,
  type WriteRequest,
} from '@dfs/protocol'
import { describe, expect, it } from 'vitest'
import { type Coordinators } from '../src/servers/coordinators.ts'
import { PassOn } from '../src/passing/pass-on.ts'
import { PassedWrites } from '../src/passing/passed-writes.ts'
import { PASSED_BODIES_MAX } from '../src/settings.ts'
import { RecordingLog } from './fixture/world.ts'

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

it('gives a body up, and nothing else, that became too long to start over while another server was looked for', async () => {
  const late = Promise.withResolvers<Uint8Array | null>()
  const pieces = [Promise.resolve(Uint8Array.of(1)), late.promise]
  const source = { next: () => pieces.shift() ?? Promise.resolve(null) }
  const asked: string[] = []
  const transport = {
    async stream(address: string, { stream }: StreamRequest): Promise<never> {
      asked.push(address)
      await stream.next()
      // Asked for, and not there yet when the server breaks off.
      void stream.next()
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
  const deps = { clock: new ManualClock(), log: new RecordingLog(), passed: new PassedWrites(1) }
  const writing = new PassOn({ ...deps, transport, coordinators }).write(REQUEST, source, CONTEXT)
  await expect(writing).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(asked).toEqual(['s1'])
})

/** Chunk servers that take each body to its end, and then never answer. */
function worldOfReaders() {
  const clock = new ManualClock()
  const transport = {
    async stream(_address: string, { stream }: StreamRequest, { signal }: StreamOptions): Promise<never> {
      const gone = new Promise<never>((_, reject) =>
        signal?.addEventListener('abort', () => reject(new TransportError('gave up', { wasSent: true }))),
      )
      const read = async (): Promise<void> => {
        while ((await stream.next()) !== null);
      }
      await Promise.race([gone, read()])
      return await gone
    },
  } as unknown as Transport
  const coordinators = { next: async () => serverOf(1), answers: async () => true } as unknown as Coordinators
  const deps = { clock, log: new RecordingLog(), passed: new PassedWrites(1), transport, coordinators }
  return { clock, passOn: new PassOn(deps) }
}

const silent: ByteSource = { next: () => new Promise(() => {}) }

/** A byte each second. */
const trickling = (clock: ManualClock): ByteSource => ({
  next: async () => {
    await clock.sleep(1000)
    return Uint8Array.of(1)
  },
})

/** Writes of which none is answered, and what has become of each. */
function writeAll(passOn: PassOn, sources: readonly ByteSource[]): string[] {
  const outcomes = sources.map(() => 'under way')
  for (const [index, source] of sources.entries()) {
    passOn.write(REQUEST, source, CONTEXT).catch((error: { code: string }) => {
      outcomes[index] = error.code
    })
  }
  return outcomes
}

describe('when all places are taken', () => {
  const placesOf = (source: (index: number) => ByteSource): ByteSource[] =>
    Array.from({ length: PASSED_BODIES_MAX }, (_, index) => source(index))

  it('one that waits for a client goes to a new body, whether the client sends nothing or next to nothing', async () => {
    const { clock, passOn } = worldOfReaders()
    const whole: ByteSource = { next: async () => null }
    const slow = [silent, trickling(clock)]
    const outcomes = writeAll(
      passOn,
      placesOf((index) => slow[index] ?? whole),
    )
    await clock.advance(6000)
    const late = writeAll(passOn, [whole, whole, whole])
    await clock.advance(100)
    expect(outcomes.slice(0, 2)).toEqual(['TOO_BUSY', 'TOO_BUSY'])
    expect(new Set(outcomes.slice(2))).toEqual(new Set(['under way']))
    expect(late).toEqual(['under way', 'under way', 'TOO_BUSY'])
  })

  it('a client that makes progress, or has only just been asked, keeps its place', async () => {
    const { clock, passOn } = worldOfReaders()
    const steady: ByteSource = {
      next: async () => {
        await clock.sleep(1000)
        return new Uint8Array(32 * 1024)
      },
    }
    const outcomes = writeAll(
      passOn,
      placesOf(() => steady),
    )
    await clock.advance(20_500)
    const late = writeAll(passOn, [silent])
    await clock.advance(100)
    expect(late).toEqual(['TOO_BUSY'])
    expect(new Set(outcomes)).toEqual(new Set(['under way']))
  })
})
