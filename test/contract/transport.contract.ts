/** What every {@link Transport} does. */
import { getEventListeners } from 'node:events'
import {
  type CallOptions,
  concatBytes,
  fromUtf8,
  TransportError,
  type TransportServer,
  utf8,
  type WireReply,
  type WireRequest,
} from '@dfs/core'
import { WIRE_BODY_BYTES_MAX } from '@dfs/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type World, type WorldKind } from './worlds.ts'

const ECHO = 'POST /v1/echoes'
const ITEM = 'POST /v1/groups/{group}/items/{item}'
const OPTIONS = { timeoutMs: 10_000 }

const echo = (body: readonly Uint8Array[]): WireRequest => ({ route: ECHO, params: {}, body })
const textOf = ({ body }: { body: readonly Uint8Array[] }): string => fromUtf8(concatBytes(body))
const codeOf = (reply: WireReply): unknown => (JSON.parse(textOf(reply)) as { code: unknown }).code

export function transportContract(kind: WorldKind): void {
  describe(`Transport (${kind.name})`, () => {
    let world: World
    beforeEach(async () => (world = await kind.make()))
    afterEach(() => world.dispose())

    const serve = (handler: (request: WireRequest) => Promise<WireReply>): Promise<TransportServer> =>
      world.peer.serve(handler, [ECHO, ITEM])
    const call = (request: WireRequest, options: CallOptions = OPTIONS): Promise<WireReply> =>
      world.caller.call(world.peerAddress(), request, options)
    const failure = async (reply: Promise<WireReply>): Promise<TransportError> => {
      const error: unknown = await reply.then(
        () => 'an answer',
        (rejection: unknown) => rejection,
      )
      expect(error).toBeInstanceOf(TransportError)
      return error as TransportError
    }

    it('carries route, params, request id and body, and the answer back', () =>
      world.run(async () => {
        const seen: WireRequest[] = []
        await serve(async (request) => {
          seen.push(request)
          return { ok: true, body: [utf8('fi'), utf8('ne')] }
        })
        const params = { group: 'a/b%2F?c', item: 'ä \u{1f600}' }
        const reply = await call({ route: ITEM, params, body: [utf8('12'), utf8('3')], requestId: '1.2.3' })
        expect(reply.ok).toBe(true)
        expect(textOf(reply)).toBe('fine')
        expect(seen).toHaveLength(1)
        expect(seen[0]).toMatchObject({ route: ITEM, params, requestId: '1.2.3' })
        expect(textOf(seen[0]!)).toBe('123')
      }))

    it('carries empty bodies, and leaves out a request id that is not there', () =>
      world.run(async () => {
        const seen: WireRequest[] = []
        await serve(async (request) => {
          seen.push(request)
          return { ok: true, body: [] }
        })
        for (const body of [[], [new Uint8Array(0)]]) {
          expect(concatBytes((await call(echo(body))).body)).toHaveLength(0)
        }
        expect(seen.map((request) => 'requestId' in request)).toEqual([false, false])
      }))

    it('carries 8 MiB in 100 pieces both ways, byte for byte', () =>
      world.run(async () => {
        await serve(async ({ body }) => ({ ok: true, body }))
        const piece = (_: unknown, index: number): Uint8Array =>
          Uint8Array.from({ length: 83_886 - index }, (__, at) => (at * 7 + index) % 256)
        const pieces = Array.from({ length: 100 }, piece)
        const reply = await call(echo(pieces))
        expect(Buffer.concat(reply.body).equals(Buffer.concat(pieces))).toBe(true)
      }))

    it('tells who has answered, once, when the bytes of the answer may be used again; not before', () =>
      world.run(async () => {
        const answers = 20
        const size = 1_000_000
        let sent = 0
        const all = Promise.withResolvers<void>()
        await serve(async ({ body }) => {
          const bytes = new Uint8Array(size).fill(concatBytes(body)[0]!)
          const onSent = (): void => {
            bytes.fill(255)
            sent += 1
            if (sent === answers) all.resolve()
          }
          return { ok: true, body: [bytes.subarray(0, 10), bytes.subarray(10)], onSent }
        })
        const fillings = Array.from({ length: answers }, (_, index) => index)
        const replies = await Promise.all(fillings.map((filling) => call(echo([Uint8Array.of(filling)]))))
        await all.promise
        const right = replies.map(({ body }, index) => concatBytes(body).every((byte) => byte === index))
        expect(right).toEqual(fillings.map(() => true))
        expect(replies.map(({ body }) => concatBytes(body).byteLength)).toEqual(fillings.map(() => size))
        expect([sent, replies.some((reply) => 'onSent' in reply)]).toEqual([answers, false])
      }))

    it('tells it as well if nobody waits for the answer any more', () =>
      world.run(async () => {
        const gaveUp = new AbortController()
        const told = Promise.withResolvers<void>()
        await serve(async () => {
          gaveUp.abort(new Error('enough'))
          await world.clock.sleep(50)
          return { ok: true, body: [new Uint8Array(1_000_000)], onSent: told.resolve }
        })
        expect((await failure(call(echo([]), { ...OPTIONS, signal: gaveUp.signal }))).wasSent).toBe(true)
        await told.promise
      }))

    it('answers concurrent calls each with its own answer', () =>
      world.run(async () => {
        await serve(async ({ params }) => ({ ok: true, body: [utf8(params['item']!)] }))
        const items = Array.from({ length: 100 }, (_, index) => String(index))
        const replies = await Promise.all(
          items.map((item) => call({ route: ITEM, params: { group: 'g', item }, body: [] })),
        )
        expect(replies.map(textOf)).toEqual(items)
      }))

    it('carries errors of the catalogue as answers', () =>
      world.run(async () => {
        const error = JSON.stringify({ code: 'VOLUME_SEALED', detail: 'sealed at 5' })
        await serve(async () => ({ ok: false, body: [utf8(error)] }))
        const reply = await call(echo([]))
        expect(reply.ok).toBe(false)
        expect(textOf(reply)).toBe(error)
      }))

    it('answers with errors of its own: thrown, no such route, too large', () =>
      world.run(async () => {
        let callsCount = 0
        await serve(async () => {
          callsCount += 1
          throw new Error('secret detail')
        })
        const thrown = await call(echo([]))
        expect([thrown.ok, codeOf(thrown)]).toEqual([false, 'INTERNAL'])
        expect(textOf(thrown)).not.toContain('secret')
        const unknown = await call({ route: 'POST /v1/unknown', params: {}, body: [] })
        expect([unknown.ok, codeOf(unknown)]).toEqual([false, 'ROUTE_NOT_FOUND'])
        const tooLarge = await call(echo([new Uint8Array(WIRE_BODY_BYTES_MAX + 1)]))
        expect([tooLarge.ok, codeOf(tooLarge)]).toEqual([false, 'PAYLOAD_TOO_LARGE'])
        expect(callsCount).toBe(1)
      }))

    it('keeps the memory of caller and peer apart', () =>
      world.run(async () => {
        const answer = utf8('answer')
        await serve(async ({ body }) => {
          for (const piece of body) piece.fill(0)
          return { ok: true, body: [answer] }
        })
        const sent = utf8('question')
        const reply = await call(echo([sent]))
        for (const piece of reply.body) piece.fill(0)
        expect([sent, answer]).toEqual([utf8('question'), utf8('answer')])
      }))

    it('reports a call that nobody answers in time as sent', () =>
      world.run(async () => {
        const arrived = Promise.withResolvers<void>()
        await serve(() => {
          arrived.resolve()
          return new Promise(() => {})
        })
        const error = await failure(call(echo([utf8('x')]), { timeoutMs: 100 }))
        await arrived.promise
        expect(error.wasSent).toBe(true)
      }))

    it('reports a refused connection as not sent', () =>
      world.run(async () => {
        const error = await failure(world.caller.call(world.deadAddress, echo([utf8('x')]), OPTIONS))
        expect(error.wasSent).toBe(false)
      }))

    it('heeds the signal: not sent before, maybe carried out after', () =>
      world.run(async () => {
        const arrived = Promise.withResolvers<void>()
        let callsCount = 0
        await serve(() => {
          callsCount += 1
          arrived.resolve()
          return new Promise(() => {})
        })
        const early = await failure(
          call(echo([]), { ...OPTIONS, signal: AbortSignal.abort(new Error('no')) }),
        )
        expect([early.wasSent, callsCount]).toEqual([false, 0])
        const controller = new AbortController()
        const late = failure(call(echo([]), { ...OPTIONS, signal: controller.signal }))
        await arrived.promise
        controller.abort(new Error('enough'))
        expect((await late).wasSent).toBe(true)
      }))

    it('leaves no listener on a signal that outlives the call', () =>
      world.run(async () => {
        await serve(async () => ({ ok: true, body: [] }))
        const { signal } = new AbortController()
        await world.caller.call(world.peerAddress(), echo([]), { ...OPTIONS, signal })
        expect(getEventListeners(signal, 'abort')).toHaveLength(0)
      }))

    it('closes after the calls under way have their answers, and refuses later ones', () =>
      world.run(async () => {
        const arrived = Promise.withResolvers<void>()
        const released = Promise.withResolvers<void>()
        const server = await serve(async () => {
          arrived.resolve()
          await released.promise
          return { ok: true, body: [utf8('done')] }
        })
        const address = world.peerAddress()
        const underWay = call(echo([]))
        await arrived.promise
        let isClosed = false
        const closed = Promise.all([server.close(), server.close()]).then(() => (isClosed = true))
        await world.clock.turn()
        expect(isClosed).toBe(false)
        released.resolve()
        expect(textOf(await underWay)).toBe('done')
        await closed
        const refused = await failure(world.caller.call(address, echo([]), OPTIONS))
        expect(refused.wasSent).toBe(false)
      }))
  })
}
