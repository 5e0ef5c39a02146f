/** What every {@link Transport} does with streamed calls. */
import { getEventListeners } from 'node:events'
import {
  type ByteSource,
  concatBytes,
  fromUtf8,
  type InboundStream,
  type StreamOptions,
  TransportError,
  type TransportServer,
  utf8,
  type WireReply,
} from '@dfs/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type World, type WorldKind } from './worlds.ts'

const ROUTE = 'POST /v1/streams'
const CALL = 'POST /v1/echoes'
const OPTIONS = { silenceMs: 10_000 }
/** More than any implementation may read ahead. */
const AHEAD_BYTES_MAX = 2 ** 20

interface CountedSource extends ByteSource {
  readonly pulledBytes: number
}

/** So many pieces of 64 KiB, each filled with its number. */
function sourceOf(piecesCount: number): CountedSource {
  let index = 0
  const size = 64 * 1024
  return {
    get pulledBytes() {
      return index * size
    },
    next: async () => {
      if (index === piecesCount) return null
      index += 1
      return new Uint8Array(size).fill(index)
    },
  }
}

const empty: ByteSource = { next: async () => null }
const textOf = ({ body }: { body: readonly Uint8Array[] }): string => fromUtf8(concatBytes(body))
const ok = (text: string): WireReply => ({ ok: true, body: [utf8(text)] })

async function readAll(source: ByteSource): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for (let piece = await source.next(); piece !== null; piece = await source.next()) pieces.push(piece)
  return concatBytes(pieces)
}

const rejectionOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no rejection',
    (error: unknown) => error,
  )

/** Never settles, and says when it is asked. */
function silentSource(): ByteSource & { readonly asked: Promise<void> } {
  const { promise: asked, resolve } = Promise.withResolvers<void>()
  return {
    asked,
    next: () => {
      resolve()
      return new Promise(() => {})
    },
  }
}

export function streamsContract(kind: WorldKind): void {
  describe(`Streamed calls (${kind.name})`, () => {
    let world: World
    beforeEach(async () => (world = await kind.make()))
    afterEach(() => world.dispose())

    const serve = (handler: (request: InboundStream) => Promise<WireReply>): Promise<TransportServer> =>
      world.peer.serve(async ({ body }) => ({ ok: true, body }), [CALL], { handler, routes: [ROUTE] })
    const stream = (
      source: ByteSource,
      options: StreamOptions = OPTIONS,
      body: readonly Uint8Array[] = [],
    ): Promise<WireReply> =>
      world.caller.stream(world.peerAddress(), { route: ROUTE, params: {}, body, stream: source }, options)

    it('carries route, params, request id, message and 8 MiB of stream, and the answer back', () =>
      world.run(async () => {
        let seen: InboundStream | null = null
        let received: Uint8Array = new Uint8Array(0)
        await serve(async (request) => {
          seen = request
          received = await readAll(request.stream)
          expect(await request.stream.next()).toBeNull()
          return ok('stored')
        })
        const params = { item: 'ä b/%' }
        const reply = await world.caller.stream(
          world.peerAddress(),
          { route: ROUTE, params, body: [utf8('message')], requestId: '1.2.3', stream: sourceOf(128) },
          OPTIONS,
        )
        expect([reply.ok, textOf(reply)]).toEqual([true, 'stored'])
        expect(seen).toMatchObject({ route: ROUTE, params, requestId: '1.2.3' })
        expect(textOf(seen!)).toBe('message')
        expect(Buffer.from(received).equals(Buffer.from(await readAll(sourceOf(128))))).toBe(true)
      }))

    it('carries an empty stream, and several one after the other', () =>
      world.run(async () => {
        await serve(async (request) => ok(String((await readAll(request.stream)).byteLength)))
        for (const pieces of [0, 1, 0, 5, 5]) {
          expect(textOf(await stream(pieces === 0 ? empty : sourceOf(pieces)))).toBe(String(pieces * 65536))
        }
      }))

    it('asks for nothing before the peer asks', () =>
      world.run(async () => {
        const source = sourceOf(4)
        const arrived = Promise.withResolvers<void>()
        const released = Promise.withResolvers<void>()
        await serve(async (request) => {
          arrived.resolve()
          await released.promise
          return ok(String((await readAll(request.stream)).byteLength))
        })
        const reply = stream(source)
        await arrived.promise
        await world.clock.sleep(20)
        expect(source.pulledBytes).toBe(0)
        released.resolve()
        expect(textOf(await reply)).toBe(String(4 * 65536))
      }))

    it('reads no more than a window ahead of a peer that is slow', () =>
      world.run(async () => {
        const source = sourceOf(1024)
        const arrived = Promise.withResolvers<void>()
        const released = Promise.withResolvers<void>()
        await serve(async (request) => {
          const first = (await request.stream.next())?.byteLength ?? 0
          arrived.resolve()
          await released.promise
          return ok(String(first + (await readAll(request.stream)).byteLength))
        })
        const reply = stream(source)
        await arrived.promise
        await world.clock.sleep(50)
        expect(source.pulledBytes).toBeLessThanOrEqual(AHEAD_BYTES_MAX)
        released.resolve()
        expect(textOf(await reply)).toBe(String(1024 * 65536))
      }))

    it('lets the peer answer before the end, and asks for no more then', () =>
      world.run(async () => {
        await serve(async (request) => {
          await request.stream.next()
          return { ok: false, body: [utf8('enough')] }
        })
        const source = sourceOf(100_000)
        const reply = await stream(source)
        expect([reply.ok, textOf(reply)]).toEqual([false, 'enough'])
        const pulled = source.pulledBytes
        expect(pulled).toBeLessThanOrEqual(AHEAD_BYTES_MAX)
        await world.clock.sleep(20)
        expect(source.pulledBytes).toBe(pulled)
      }))

    it('lets the peer answer without a look at the stream, while the source has nothing to give', () =>
      world.run(async () => {
        await serve(async () => ok('no need'))
        expect(textOf(await stream(sourceOf(5)))).toBe('no need')
        expect(textOf(await stream(silentSource()))).toBe('no need')
      }))

    it('breaks at the peer where the source fails, whose error the caller gets', () =>
      world.run(async () => {
        const broken = Promise.withResolvers<unknown>()
        await serve(async (request) => {
          broken.resolve(await rejectionOf(readAll(request.stream)))
          // And it stays broken.
          expect(await rejectionOf(request.stream.next())).toBeInstanceOf(TransportError)
          return ok('never heard')
        })
        const failure = new Error('the client has gone')
        let count = 0
        const source: ByteSource = {
          next: async () => {
            count += 1
            if (count === 3) throw failure
            return new Uint8Array(1000)
          },
        }
        expect(await rejectionOf(stream(source))).toBe(failure)
        expect(await broken.promise).toBeInstanceOf(TransportError)
      }))

    it('breaks at the peer where the caller gives up, and says so by its signal', () =>
      world.run(async () => {
        const broken = Promise.withResolvers<unknown[]>()
        await serve(async (request) => {
          const error = await rejectionOf(readAll(request.stream))
          broken.resolve([error, request.signal.aborted])
          return ok('never heard')
        })
        const controller = new AbortController()
        const source = silentSource()
        const reply = rejectionOf(stream(source, { ...OPTIONS, signal: controller.signal }))
        await source.asked
        controller.abort(new Error('enough'))
        const error = await reply
        expect(error).toBeInstanceOf(TransportError)
        expect((error as TransportError).wasSent).toBe(true)
        expect(await broken.promise).toEqual([expect.any(TransportError), true])
      }))

    it('tells a handler that has the whole stream when nobody waits for its answer', () =>
      world.run(async () => {
        const gone = Promise.withResolvers<void>()
        const whole = Promise.withResolvers<void>()
        await serve(async (request) => {
          await readAll(request.stream)
          whole.resolve()
          request.signal.addEventListener('abort', () => gone.resolve())
          await gone.promise
          return ok('never heard')
        })
        const controller = new AbortController()
        const reply = rejectionOf(stream(sourceOf(2), { ...OPTIONS, signal: controller.signal }))
        await whole.promise
        controller.abort(new Error('enough'))
        expect(await reply).toMatchObject({ wasSent: true })
        await gone.promise
      }))

    it('gives up a peer that is silent, whether it owes a word about the stream or the answer', () =>
      world.run(async () => {
        await serve(async (request) => {
          if (textOf(request) === 'read') await readAll(request.stream)
          return new Promise(() => {})
        })
        for (const message of ['ignore', 'read']) {
          const error = await rejectionOf(stream(sourceOf(3), { silenceMs: 200 }, [utf8(message)]))
          expect(error).toBeInstanceOf(TransportError)
          expect((error as TransportError).wasSent).toBe(true)
        }
      }))

    it('waits for a slow source longer than for a silent peer', () =>
      world.run(async () => {
        await serve(async (request) => ok(String((await readAll(request.stream)).byteLength)))
        let isFirst = true
        const source: ByteSource = {
          next: async () => {
            if (!isFirst) return null
            isFirst = false
            await world.clock.sleep(600)
            return new Uint8Array(7)
          },
        }
        expect(textOf(await stream(source, { silenceMs: 300 }))).toBe('7')
      }))

    it('reports a refused connection as not sent, and asks for nothing', () =>
      world.run(async () => {
        const source = sourceOf(1)
        const request = { route: ROUTE, params: {}, body: [], stream: source }
        const error = await rejectionOf(world.caller.stream(world.deadAddress, request, OPTIONS))
        expect(error).toBeInstanceOf(TransportError)
        expect([(error as TransportError).wasSent, source.pulledBytes]).toEqual([false, 0])
      }))

    it('heeds a signal that was aborted before, and leaves no listener on one that outlives the call', () =>
      world.run(async () => {
        let callsCount = 0
        await serve(async () => {
          callsCount += 1
          return ok('')
        })
        const signal = AbortSignal.abort(new Error('no'))
        const early = await rejectionOf(stream(empty, { ...OPTIONS, signal }))
        expect([(early as TransportError).wasSent, callsCount]).toEqual([false, 0])
        const controller = new AbortController()
        await stream(empty, { ...OPTIONS, signal: controller.signal })
        expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
      }))

    it('answers with errors of its own: thrown, no such route, a call as a stream and a stream as a call', () =>
      world.run(async () => {
        await serve(async () => {
          throw new Error('secret detail')
        })
        const codeOf = (reply: WireReply): unknown => (JSON.parse(textOf(reply)) as { code: unknown }).code
        const thrown = await stream(empty)
        expect([thrown.ok, codeOf(thrown)]).toEqual([false, 'INTERNAL'])
        expect(textOf(thrown)).not.toContain('secret')
        for (const route of [CALL, 'POST /v1/unknown']) {
          const request = { route, params: {}, body: [], stream: sourceOf(2) }
          const reply = await world.caller.stream(world.peerAddress(), request, OPTIONS)
          expect([reply.ok, codeOf(reply)]).toEqual([false, 'ROUTE_NOT_FOUND'])
        }
        const request = { route: ROUTE, params: {}, body: [] }
        const reply = await world.caller.call(world.peerAddress(), request, { timeoutMs: 10_000 })
        expect([reply.ok, codeOf(reply)]).toEqual([false, 'ROUTE_NOT_FOUND'])
      }))

    it('does not keep calls waiting behind streams', () =>
      world.run(async () => {
        const released = Promise.withResolvers<void>()
        const all = Promise.withResolvers<void>()
        let count = 0
        await serve(async () => {
          count += 1
          if (count === 40) all.resolve()
          await released.promise
          return ok('done')
        })
        const streams = Array.from({ length: 40 }, () => stream(sourceOf(1)))
        await all.promise
        const call = { route: CALL, params: {}, body: [utf8('hello')] }
        const reply = await world.caller.call(world.peerAddress(), call, { timeoutMs: 5000 })
        expect(textOf(reply)).toBe('hello')
        released.resolve()
        expect((await Promise.all(streams)).map(textOf)).toEqual(Array(40).fill('done'))
      }))

    it('keeps the memory of caller and peer apart', () =>
      world.run(async () => {
        await serve(async (request) => {
          const piece = await request.stream.next()
          piece?.fill(0)
          return ok('')
        })
        const piece = utf8('question')
        const pieces = [piece]
        await stream({ next: async () => pieces.pop() ?? null })
        expect(piece).toEqual(utf8('question'))
      }))
  })
}
