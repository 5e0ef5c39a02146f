/** What the client does when servers refuse, vanish or answer too late; and that it never claims to know what it cannot. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENT_LIMITS, createClient, type DfsClient, type Download, RequestError } from '../src/index.ts'
import { patienceMs } from '../src/options.ts'
import { type ManualClock, seededRandom } from '@dfs/core/testing'
import { FakeCluster, FIRST_ETAG, type Mishap, pausingClock, type SeenRequest } from './fake/index.ts'

let cluster: FakeCluster
let client: DfsClient
let clock: ManualClock

beforeEach(async () => {
  cluster = await FakeCluster.start()
  clock = pausingClock()
  client = createClient({ url: cluster.url, clock, random: seededRandom() })
})

afterEach(async () => {
  await client.close()
  await cluster[Symbol.asyncDispose]()
})

const HELLO = Buffer.from('hello')

/** The mishap happens to the first `count` requests of that method that are not look-ups of servers. */
function befall(method: string, mishap: Mishap, count = 1): void {
  let left = count
  cluster.mishap = (request: SeenRequest) => {
    if (request.method !== method || left === 0) return null
    if (request.target === '/v1/servers' || request.target === '/healthz') return null
    left -= 1
    return mishap
  }
}

const callsOf = (method: string): number[] =>
  cluster.calls.filter((request) => request.method === method).map((request) => request.server)

async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(body))
}

describe('Refusals', () => {
  test('What the catalogue allows to retry is retried on another server.', async () => {
    befall('PUT', { kind: 'refuse', code: 'COPY_ERROR' })
    await client.put('/a', HELLO)
    expect(callsOf('PUT')).toEqual([2, 1])
  })

  test('What fails again is not retried, and carries code, status and request id.', async () => {
    const error = await client.get('/missing').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(RequestError)
    expect(error).toMatchObject({ code: 'FILE_NOT_FOUND', status: 404 })
    expect((error as RequestError).requestId).toBe(cluster.calls[0]!.headers['dfs-request-id'])
    expect(callsOf('GET')).toHaveLength(1)
  })

  test('A refusal that lasts is reported as itself once the deadline has passed.', async () => {
    befall('PUT', { kind: 'refuse', code: 'COPY_ERROR' }, Infinity)
    await expect(client.put('/a', HELLO)).rejects.toMatchObject({ code: 'COPY_ERROR', status: 503 })
    expect(callsOf('PUT').length).toBeGreaterThan(2)
  })

  test('A lock is not waited for until the deadline.', async () => {
    befall('PUT', { kind: 'refuse', code: 'FILE_LOCKED_ERROR' }, Infinity)
    await expect(client.put('/a', HELLO)).rejects.toMatchObject({ code: 'FILE_LOCKED_ERROR' })
    expect(callsOf('PUT')).toHaveLength(3)
  })

  test('Retry-After beyond the deadline ends the operation without another attempt.', async () => {
    befall('PUT', { kind: 'refuse', code: 'TOO_BUSY', retryAfterSeconds: 9 }, Infinity)
    const impatient = createClient({ url: cluster.url, clock, random: seededRandom(), deadlineMs: 8000 })
    await expect(impatient.put('/a', HELLO)).rejects.toMatchObject({ code: 'TOO_BUSY' })
    await impatient.close()
    expect(callsOf('PUT')).toHaveLength(1)
  })

  test('A file that is lost is not asked for again; one whose servers may be back soon is.', async () => {
    await client.put('/a', HELLO)
    befall('GET', { kind: 'refuse', code: 'DATA_UNAVAILABLE' }, Infinity)
    await expect(client.get('/a')).rejects.toMatchObject({ code: 'DATA_UNAVAILABLE', status: 503 })
    expect(callsOf('GET')).toEqual([2])
    befall('GET', { kind: 'refuse', code: 'DATA_UNAVAILABLE', retryAfterSeconds: 2 }, 3)
    expect((await bytesOf((await client.get('/a')).body)).equals(HELLO)).toBe(true)
    expect(callsOf('GET')).toHaveLength(1 + 4)
  })

  test('If every server is dead, the node that was named says what that means for a read.', async () => {
    await client.put('/a', HELLO)
    for (const server of [1, 2]) cluster.dead.add(server)
    await using late = createClient({ url: cluster.url, clock, random: seededRandom() })
    befall('GET', { kind: 'refuse', code: 'DATA_UNAVAILABLE' }, Infinity)
    await expect(late.get('/a')).rejects.toMatchObject({ code: 'DATA_UNAVAILABLE' })
    expect(callsOf('GET')).toEqual([0])
  })

  test('A server that refuses before it has read the body is heard.', async () => {
    befall('PUT', { kind: 'refuse', code: 'PRECONDITION_FAILED' })
    async function* endless(): AsyncGenerator<Uint8Array> {
      while (true) yield new Uint8Array(65_536)
    }
    await expect(client.put('/a', endless())).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
  })
})

describe('Lost answers', () => {
  const keys = (): unknown[] => cluster.calls.map(({ headers }) => headers['idempotency-key'])

  test('A change is repeated under its key, and the answer is that of the time when it was made.', async () => {
    befall('PUT', { kind: 'cut-answer' })
    expect(await client.put('/a', HELLO)).toMatchObject({ size: 5, created: true })
    expect(callsOf('PUT')).toEqual([2, 1])
    const [first, second] = keys()
    expect(first).toMatch(/^"[0-9a-f]{32}"$/)
    expect(second).toBe(first)
    await client.put('/a', HELLO)
    expect(keys().at(-1)).not.toBe(first)
  })

  test.each([{ ifNoneMatch: '*' }, { ifMatch: FIRST_ETAG }])(
    'A put with %o too: its precondition held when it was made.',
    async (condition) => {
      if ('ifMatch' in condition) await client.put('/a', HELLO)
      befall('PUT', { kind: 'cut-answer' })
      const stored = await client.put('/a', HELLO, condition)
      expect(stored.created).toBe('ifNoneMatch' in condition)
      expect(cluster.tree.entries.has('/a')).toBe(true)
    },
  )

  test('A stream that cannot be read again is not repeated once it was sent.', async () => {
    befall('PUT', { kind: 'cut-answer' })
    async function* once(): AsyncGenerator<Uint8Array> {
      yield HELLO
    }
    await expect(client.put('/a', once())).rejects.toMatchObject({ code: 'TIMEOUT_ERROR' })
    expect(callsOf('PUT')).toHaveLength(1)
  })

  test('A move is made once, a delete is done by itself, and a file is created by the call that says so.', async () => {
    await client.put('/a', HELLO)
    befall('POST', { kind: 'cut-answer' })
    await client.move('/a', '/b')
    expect(callsOf('POST')).toHaveLength(2)
    befall('POST', { kind: 'cut-answer' })
    expect(await client.create('/c')).toMatchObject({ created: true })
    befall('DELETE', { kind: 'cut-answer' })
    expect(await client.remove('/b')).toEqual({ operation: expect.any(String) as string })
    await expect(client.remove('/b')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
  })

  test('An unknown outcome that a server reports is asked for again.', async () => {
    befall('PUT', { kind: 'refuse', code: 'TIMEOUT_ERROR' })
    await client.put('/a', HELLO)
    expect(callsOf('PUT')).toEqual([2, 1])
  })

  test('After a lost answer, refusals do not turn the unknown into a no.', async () => {
    let count = 0
    cluster.mishap = ({ method }) => {
      if (method !== 'PUT') return null
      count += 1
      return count === 1 ? { kind: 'cut-answer' } : { kind: 'refuse', code: 'COPY_ERROR' }
    }
    await expect(client.put('/a', HELLO)).rejects.toMatchObject({ code: 'TIMEOUT_ERROR' })
  })

  test('After a lost request, a refusal that was decided with the change is the answer.', async () => {
    befall('DELETE', { kind: 'cut-unread' })
    await expect(client.remove('/missing')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
    expect(callsOf('DELETE')).toHaveLength(2)
  })

  test('A stream that broke before its end was stored nowhere, and is sent again though it has a precondition.', async () => {
    befall('PUT', { kind: 'cut-body', afterBytes: 65_536 })
    // More than the buffers of both sockets can hold: otherwise all of it may have left before the connection breaks.
    const piece = new Uint8Array(1024 * 1024)
    async function* large(): AsyncGenerator<Uint8Array> {
      for (let count = 0; count < 48; count += 1) yield piece
    }
    const stored = await client.put('/a', large, { ifNoneMatch: '*' })
    expect(stored).toMatchObject({ size: 48 * piece.byteLength, created: true })
  })
})

describe('A pause', () => {
  test('lets the connection go, and the rest is that of the same version, though there is another one by now.', async () => {
    const content = Buffer.from(
      Array.from({ length: 4_000_000 }, (_, index) => (index * 7 + (index >> 10)) % 251),
    )
    await client.put('/a', content)
    const download = await client.get('/a')
    const pieces: Uint8Array[] = []
    for await (const piece of download.body) {
      pieces.push(piece.slice())
      if (pieces.length !== 1) continue
      download.pause()
      await client.put('/a', HELLO)
    }
    expect(Buffer.concat(pieces).equals(content)).toBe(true)
    expect(callsOf('GET')).toHaveLength(2)
  })
})

describe('Silence', () => {
  test('A server that does not answer in time is given up for another.', async () => {
    await client.put('/a', HELLO)
    befall('GET', {
      kind: 'stall',
      afterBytes: 0,
      stalled: () => clock.jump(CLIENT_LIMITS.silenceMs),
    })
    const { body } = await client.get('/a')
    expect((await bytesOf(body)).toString()).toBe('hello')
    expect(callsOf('GET')).toEqual([2, 1])
  })

  test('If all are slow, each attempt to read is more patient, so that one of them is answered.', () => {
    const { silenceMs, attemptTimeoutMs } = CLIENT_LIMITS
    const waits = [1, 2, 3, 99].map((attempt) => patienceMs(CLIENT_LIMITS, attempt))
    expect(waits).toEqual([silenceMs, 2 * silenceMs, 4 * silenceMs, attemptTimeoutMs])
  })

  /** The server that gets the next put hangs as a stopped process does: it takes connections and says nothing. Resolves when it does. */
  function hang(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    let hung: number | null = null
    const stalled = (): void => {
      clock.jump(CLIENT_LIMITS.silenceMs)
      resolve()
    }
    cluster.mishap = ({ method, target, server }) => {
      if (method === 'PUT') hung ??= server
      if (server !== hung || target === '/v1/servers') return null
      return { kind: 'stall', afterBytes: 0, stalled }
    }
    return promise
  }

  test('A put to a server that hangs is given to another one long before the deadline.', async () => {
    void hang()
    const fromMs = clock.monotonicMs()
    await client.put('/a', HELLO)
    expect(callsOf('PUT')).toEqual([2, 1])
    expect(clock.monotonicMs() - fromMs).toBeLessThan(3 * CLIENT_LIMITS.silenceMs)
    await client.put('/b', HELLO)
    expect(callsOf('PUT'), 'and is remembered').toEqual([2, 1, 1])
  })

  test('A put that cannot be sent again is left where it is: the answer may still come.', async () => {
    const hanging = hang()
    async function* once(): AsyncGenerator<Uint8Array> {
      yield HELLO
    }
    const putting = client.put('/a', once())
    await hanging
    await clock.turn()
    clock.jump(CLIENT_LIMITS.attemptTimeoutMs)
    await expect(putting).rejects.toMatchObject({ code: 'TIMEOUT_ERROR' })
    const healthQuestions = cluster.seen.filter(({ target }) => target === '/healthz')
    expect([callsOf('PUT').length, healthQuestions.length]).toEqual([1, 0])
  })

  test('A put to a server that is slow but lives is waited for.', async () => {
    let answerPut = (): void => {}
    const stalled = (goOn: () => void): void => {
      answerPut = goOn
      clock.jump(CLIENT_LIMITS.silenceMs)
    }
    cluster.mishap = ({ method, target }) => {
      if (target === '/healthz') answerPut()
      return method === 'PUT' ? { kind: 'stall', afterBytes: 0, stalled } : null
    }
    await client.put('/a', HELLO)
    expect(callsOf('PUT')).toEqual([2])
  })

  test('A download that stands still in the middle is taken up elsewhere; the time of the reader does not count.', async () => {
    await client.put('/a', HELLO)
    befall('GET', { kind: 'stall', afterBytes: 2, stalled: () => {} })
    const { body } = await client.get('/a')
    const pieces = body[Symbol.asyncIterator]()
    const first = await pieces.next()
    clock.jump(10 * CLIENT_LIMITS.deadlineMs)
    const second = pieces.next()
    clock.jump(CLIENT_LIMITS.attemptTimeoutMs)
    expect(Buffer.concat([first.value, (await second).value]).toString()).toBe('hello')
    expect(callsOf('GET')).toEqual([2, 1])
    await pieces.return?.()
  })

  test('If no node answers at all, the operation ends as unavailable and with no status.', async () => {
    await cluster[Symbol.asyncDispose]()
    await expect(client.put('/a', HELLO)).rejects.toMatchObject({ code: 'UNAVAILABLE', status: null })
  })

  test('A signal ends an operation with its own reason.', async () => {
    const controller = new AbortController()
    const reason = new Error('the user changed his mind')
    befall('PUT', { kind: 'refuse', code: 'TOO_BUSY' }, Infinity)
    const mishap = cluster.mishap
    cluster.mishap = (request) => {
      if (request.method === 'PUT') controller.abort(reason)
      return mishap(request)
    }
    await expect(client.put('/a', HELLO, { signal: controller.signal })).rejects.toBe(reason)
  })
})

describe('Downloads', () => {
  const LARGE = Buffer.alloc(3_000_000, 'some text that repeats itself, but not at a power of two')

  test('A broken download goes on where it broke, on another server, bound to the same version.', async () => {
    await client.put('/l', LARGE)
    befall('GET', { kind: 'cut-body', afterBytes: 1_000_000 })
    const { body } = await client.get('/l')
    expect((await bytesOf(body)).equals(LARGE)).toBe(true)
    const [, second] = cluster.calls.filter((request) => request.method === 'GET')
    expect(second!.server).toBe(1)
    expect(second!.headers['if-match']).toBe(FIRST_ETAG)
    expect(second!.headers['range']).toMatch(/^bytes=[1-9][0-9]*-2999999$/)
  })

  test('A file replaced in the middle is never mixed with its successor.', async () => {
    await client.put('/l', LARGE)
    cluster.mishap = ({ method, headers }) => {
      if (method !== 'GET' || headers.range !== undefined) return null
      return { kind: 'cut-body', afterBytes: 1_000_000 }
    }
    const { body } = await client.get('/l')
    await client.put('/l', Buffer.alloc(3_000_000, 'x'))
    await expect(bytesOf(body)).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
  })

  test('A download of which the rest is lost ends with that.', async () => {
    await client.put('/l', LARGE)
    cluster.mishap = ({ method, headers }) => {
      if (method !== 'GET') return null
      if (headers.range === undefined) return { kind: 'cut-body', afterBytes: 1_000_000 }
      return { kind: 'refuse', code: 'DATA_UNAVAILABLE' }
    }
    const { body } = await client.get('/l')
    await expect(bytesOf(body)).rejects.toMatchObject({ code: 'DATA_UNAVAILABLE' })
    expect(callsOf('GET')).toHaveLength(2)
  })

  test('Bytes that do not match the checksum of the file are an error at its end.', async () => {
    await client.put('/l', HELLO)
    befall('GET', { kind: 'corrupt' })
    const { body } = await client.get('/l')
    await expect(bytesOf(body)).rejects.toMatchObject({ code: 'DATA_UNAVAILABLE' })
  })

  test('A download that makes no progress at all ends.', async () => {
    await client.put('/l', LARGE)
    befall('GET', { kind: 'cut-body', afterBytes: 0 }, Infinity)
    const { body } = await client.get('/l')
    await expect(bytesOf(body)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('A reader that stops early leaves no connection behind.', async () => {
    await client.put('/l', LARGE)
    const closed = Promise.withResolvers<void>()
    befall('GET', { kind: 'stall', afterBytes: 100_000, stalled: () => {} })
    cluster.onClosed = closed.resolve
    const { body } = await client.get('/l')
    for await (const piece of body) {
      expect(piece.byteLength).toBeGreaterThan(0)
      break
    }
    await closed.promise
  })

  test.each([
    ['cancelled', async (download: Download) => download.cancel()],
    ['disposed of', async (download: Download) => await download[Symbol.asyncDispose]()],
    [
      'ended by its signal',
      async (_: Download, ending: AbortController) => ending.abort(new Error('enough')),
    ],
    ['still open when the client closes', async () => await client.close()],
  ])('A small download that is %s unread disturbs nobody.', async (_, giveUp) => {
    await client.put('/small', HELLO)
    const uncaught: unknown[] = []
    const note = (error: unknown): void => void uncaught.push(error)
    process.on('uncaughtExceptionMonitor', note)
    const ending = new AbortController()
    await giveUp(await client.get('/small', { signal: ending.signal }), ending)
    // Another one takes many turns of the event loop: whatever the first one leaves behind has shown by then.
    await using other = createClient({ url: cluster.url, clock, random: seededRandom() })
    expect((await bytesOf((await other.get('/small')).body)).equals(HELLO)).toBe(true)
    process.off('uncaughtExceptionMonitor', note)
    expect(uncaught).toEqual([])
  })
})
