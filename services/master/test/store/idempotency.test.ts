/** Idempotency keys: whoever repeats a request, under whatever command id, it happens once and has one answer (R15). */
import {
  type Command,
  type CommandResult,
  IDEMPOTENCY_KEPT_MS,
  type Precondition,
  UNCONDITIONAL,
} from '@dfs/protocol'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, it } from 'vitest'
import { IdempotencyKeys } from '../../src/domain/metadata/idempotency-keys.ts'
import { type State } from '../../src/domain/metadata/state.ts'
import { SqliteKeys } from '../../src/metadata/sqlite/rows/keys.ts'
import { MIGRATIONS } from '../../src/metadata/sqlite/schema.ts'
import { describeStores } from '../fixture/describe-stores.ts'
import { copyAsCrashed, openAt, removeTemporaryDirectories, temporaryDirectory } from '../fixture/engines.ts'
import { path, StoreBench } from '../fixture/store-bench.ts'

/** The result of one command, sent by the server with this index. */
async function send(b: StoreBench, command: Command, server = 0): Promise<CommandResult> {
  const sender = b.servers[server]!
  const [result] = await b.commitAs(sender, [{ ...command, id: b.nextId(sender) }])
  return result!
}

describeStores('idempotency keys', (bench) => {
  it('answer a repeated write as before, through any server, also when the bytes were stored once more', async () => {
    const b = bench()
    await b.addServers(2)
    const [own, other] = [await b.volume(0, 1), await b.volume(1, 0)]
    const write = b.write('/a', b.chunk(own, 10), { key: 'k' })
    const first = await send(b, write)
    expect(first).toMatchObject({ ok: true, created: true, copies: 2 })
    await send(b, b.write('/a', null))
    const again = { ...write, chunk: b.chunk(other, 10) } as Command
    expect(await send(b, again, 1)).toEqual({ ...first, isReplay: true })
    expect((await b.file('/a')).info.size, 'what came in between stands').toBe(0)
    expect(await b.store.openVolumesOf(b.servers[1]!.server)).toMatchObject([
      { committedEndBytes: 110 },
      { volume: other.volume, committedEndBytes: 0 },
    ])
  })

  it('answer a repeated request within its own batch', async () => {
    const b = bench()
    await b.addServers(1)
    const write = b.write('/a', null, { key: 'k' })
    const [first, second] = await b.commit(write, { ...write, id: b.nextId() })
    expect(second).toEqual({ ...first, isReplay: true })
  })

  it('belong to one request: another path, condition, attribute or content is refused and changes nothing', async () => {
    const b = bench()
    await b.addServers(1)
    const order = await b.volume()
    const write = b.write('/a', b.chunk(order, 10), { key: 'k' }) as Extract<Command, { kind: 'write' }>
    await send(b, write)
    const conditional = (change: Partial<Precondition>): Command => {
      return { ...write, precondition: { ...UNCONDITIONAL, ...change } }
    }
    const others: Command[] = [
      { ...write, path: path('/b') },
      { ...write, crc32: 2 },
      { ...write, contentType: 'text/html' },
      { ...write, executable: true },
      { ...write, sha256: new Uint8Array(32) },
      { ...write, size: 11, chunk: b.chunk(order, 11) },
      conditional({ ifMatch: '*' }),
      conditional({ ifNoneMatch: [7] }),
      conditional({ mustCreate: true }),
      conditional({ unmodifiedSinceMs: 2 ** 50 }),
      b.command({ kind: 'delete', path: path('/a'), precondition: UNCONDITIONAL, key: 'k' }),
      b.command({ kind: 'makeDirectory', path: path('/a'), key: 'k' }),
    ]
    for (const other of others) {
      expect(await send(b, other), JSON.stringify(other)).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' })
    }
    expect(await b.list('/')).toEqual(['a'])
    expect(await send(b, write), 'the first answer stands').toMatchObject({ ok: true, isReplay: true })
  })

  it('keep a refusal that stands, and none after which the same may be tried again', async () => {
    const b = bench()
    await b.addServers(1)
    const missing = b.command({ kind: 'delete', path: path('/a'), precondition: UNCONDITIONAL, key: '1' })
    expect(await send(b, missing)).toMatchObject({ code: 'FILE_NOT_FOUND' })
    await b.touch('/a')
    expect(await send(b, missing)).toMatchObject({ code: 'FILE_NOT_FOUND', isReplay: true })
    expect(await b.list('/')).toEqual(['a'])

    const [sealed, open] = [await b.volume(), await b.volume()]
    await b.store.sealVolumes([sealed.volume], 'test', 0)
    const write = b.write('/b', b.chunk(sealed, 10), { key: '2' })
    expect(await send(b, write)).toMatchObject({ code: 'VOLUME_SEALED' })
    const elsewhere = await send(b, { ...write, chunk: b.chunk(open, 10) } as Command)
    expect(elsewhere).toMatchObject({ ok: true, created: true })
    expect(elsewhere.isReplay).toBeUndefined()
  })

  it('keep no refusal of where the bytes are: the same request with its bytes elsewhere is a new attempt', async () => {
    const b = bench()
    await b.addServers(2)
    const [order, foreign] = [await b.volume(0, 1), await b.volume(1, 0)]
    await send(b, b.write('/before', b.chunk(order, 10)))
    const good = b.chunk(order, 10)
    const refusals: [string, Partial<Extract<Command, { kind: 'write' }>>][] = [
      ['OFFSET_CONFLICT', { chunk: { ...good, offset: 0 } }],
      ['VOLUME_NOT_FOUND', { chunk: { ...good, volume: 1 } }],
      ['STALE_INCARNATION', { chunk: { ...good, volume: foreign.volume } }],
      // What a late write meets whose sender has given its upload up.
      ['INVALID_REQUEST', { chunk: null, upload: b.nextId() }],
    ]
    const write = b.write('/a', good, { key: 'k' })
    for (const [code, change] of refusals) {
      expect(await send(b, { ...write, ...change } as Command)).toMatchObject({ code })
    }
    const stored = await send(b, write)
    expect(stored).toMatchObject({ ok: true, created: true })
    expect(stored.isReplay).toBeUndefined()
  })

  it.each<[string, (b: StoreBench) => Command]>([
    [
      'delete',
      (b) => b.command({ kind: 'delete', path: path('/d/f'), precondition: UNCONDITIONAL, key: 'k' }),
    ],
    ['move', (b) => b.command({ kind: 'move', from: path('/d/f'), to: path('/g'), key: 'k' })],
    ['makeDirectory', (b) => b.command({ kind: 'makeDirectory', path: path('/new'), key: 'k' })],
    [
      'deleteDirectory',
      (b) => b.command({ kind: 'deleteDirectory', path: path('/d'), recursive: true, key: 'k' }),
    ],
    ['link', (b) => b.command({ kind: 'link', path: path('/l'), target: 'f', key: 'k' })],
  ])('make a %s happen once', async (_kind, command) => {
    const b = bench()
    await b.addServers(1)
    await b.touch('/d/f')
    const first = await send(b, command(b))
    expect(first).toMatchObject({ ok: true })
    await b.touch('/d/f')
    const before = await b.list('/', true)
    expect(await send(b, command(b))).toEqual({ ...first, isReplay: true })
    expect(await b.list('/', true)).toEqual(before)
  })

  it('make a long write happen once: what was staged for the second one is given up by its sender', async () => {
    const b = bench()
    await b.addServers(2)
    const stored = async (server: number): Promise<CommandResult> => {
      const sender = b.servers[server]!
      const order = await b.volume(server, 1 - server)
      const upload = b.nextId(sender)
      const stage = { ...b.command({ kind: 'stage', upload, start: 0, chunk: b.chunk(order, 10) }) }
      expect(await send(b, stage, server)).toMatchObject({ ok: true })
      return send(b, b.write('/long', null, { upload, size: 10, key: 'k' }), server)
    }
    const first = await stored(0)
    expect(first).toMatchObject({ ok: true, created: true })
    expect(await stored(1)).toEqual({ ...first, isReplay: true })
    expect((await b.file('/long')).chunks).toHaveLength(1)
  })

  it('are kept for a day of cluster time, and then forgotten', async () => {
    const b = bench()
    await b.addServers(1)
    const write = b.write('/a', null, { key: 'k' })
    const first = await send(b, write)
    const atCluster = (clusterMs: number): void => {
      b.now = { wallMs: b.now.wallMs, clusterMs }
    }
    atCluster(IDEMPOTENCY_KEPT_MS - 1)
    expect(await send(b, write)).toEqual({ ...first, isReplay: true })
    atCluster(IDEMPOTENCY_KEPT_MS)
    const next = await send(b, write)
    expect(next).toMatchObject({ ok: true, created: false })
    expect(next.isReplay).toBeUndefined()
    expect(await send(b, write)).toEqual({ ...next, isReplay: true })
    while (await b.store.forgetKeys());
    expect(await send(b, write)).toEqual({ ...next, isReplay: true })
  })

  it('expire by a time that never goes back', async () => {
    const b = bench()
    await b.store.keepTime(1000)
    await b.store.keepTime(500)
    expect(b.store.clusterMs()).toBe(1000)
  })
})

describe('a disk without room', () => {
  it('answers what is known, refuses the rest, and writes nothing', async () => {
    const b = new StoreBench(await openAt(null))
    await b.addServers(1)
    const [done, keyed, late] = [b.write('/a', null), b.write('/b', null, { key: 'k' }), b.write('/c', null)]
    const [first, second] = await b.commit(done, keyed)
    const { sequence } = b.store.epoch()
    const again = { ...keyed, id: b.nextId() }
    const resolve: Command = { kind: 'resolve', id: late.id }
    const request = { ...b.servers[0]!, watermark: 0, commands: [done, again, late, resolve] }
    const [results] = await b.store.answerKnown([request])
    expect(results).toMatchObject([
      first!,
      { ...second, isReplay: true },
      { code: 'INSUFFICIENT_SPACE' },
      { code: 'TIMEOUT_ERROR' },
    ])
    expect(b.store.epoch().sequence).toBe(sequence)
    expect(await b.commit(late), 'there is room again').toMatchObject([{ ok: true }])
    await b.store.close()
  })
})

describe('resolving a request', () => {
  it('gives its result, or gives it up for good (R14)', async () => {
    const b = new StoreBench(await openAt(null))
    await b.addServers(1)
    const [done, late] = [b.write('/a', null), b.write('/b', null)]
    const [first] = await b.commit(done)
    const resolve = (command: Command): Command => ({ kind: 'resolve', id: command.id })
    const [settled, aborted] = await b.commit(resolve(done), resolve(late))
    expect(settled).toEqual(first)
    expect(aborted).toMatchObject({ ok: false, code: 'UNAVAILABLE' })
    expect(await b.commit(late), 'it was still under way').toEqual([aborted])
    expect(await b.list('/')).toEqual(['a'])
    await b.store.close()
  })

  it('leaves its idempotency key to the next attempt', async () => {
    const b = new StoreBench(await openAt(null))
    await b.addServers(1)
    const late = b.write('/a', null, { key: 'k' })
    await b.commit({ kind: 'resolve', id: late.id })
    expect(await b.commit(late)).toMatchObject([{ code: 'UNAVAILABLE' }])
    expect(await send(b, late)).toMatchObject({ ok: true, created: true })
    await b.store.close()
  })
})

describe('after a restart of the master', () => {
  afterEach(removeTemporaryDirectories)

  it('keys, time, and requests that were given up are known as before', async () => {
    const directory = temporaryDirectory()
    const b = new StoreBench(await openAt(directory))
    await b.addServers(1)
    b.now = { wallMs: 1, clusterMs: 5000 }
    const [write, late] = [b.write('/a', null, { key: 'k' }), b.write('/b', null)]
    const first = await send(b, write)
    await b.commit({ kind: 'resolve', id: late.id })
    const copy = copyAsCrashed(directory)
    await b.store.close()
    b.store = await openAt(copy, 3)
    expect(b.store.clusterMs()).toBe(5000)
    expect(await send(b, write)).toEqual({ ...first, isReplay: true })
    expect(await b.commit(late)).toMatchObject([{ code: 'UNAVAILABLE' }])
    await b.store.close()
  })
})

describe('generations of keys', () => {
  it('bound what is kept: older ones are removed in steps, the last two stay', () => {
    const database = new DatabaseSync(':memory:')
    for (const step of MIGRATIONS) database.exec(step)
    const state = { clusterMs: 0, keyGeneration: { number: 0, sinceMs: 0, keysCount: 0 } }
    const keys = new IdempotencyKeys(new SqliteKeys(database), state as State, 10)
    const kept = {
      fingerprint: new Uint8Array(16),
      result: { ok: false, code: 'FILE_EXISTS', detail: '' },
    } as const
    for (let index = 0; index < 95; index += 1) keys.keep(`key ${index}`, kept)
    const count = (): number =>
      Number(database.prepare('SELECT count(*) AS c FROM idempotency_keys').get()!['c'])
    expect(count()).toBe(95)
    keys.step(30)
    expect([count(), keys.hasOld]).toEqual([65, true])
    while (keys.hasOld) keys.step(30)
    expect(count()).toBe(15)
    expect(keys.find('key 79')).toBeUndefined()
    expect(keys.find('key 80')).toEqual(kept)
    expect(keys.find('key 94')).toEqual(kept)
    database.close()
  })
})
