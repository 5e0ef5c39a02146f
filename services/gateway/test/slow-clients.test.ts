/** Clients that stand still in the middle of a transfer, and connections that nobody uses: nobody else notices them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KIB } from '@dfs/protocol'
import { type GatewaySettings } from '../src/index.ts'
import { type MemoryClient } from './support/memory-network.ts'
import { closeStage, makeStage, type Stage } from './support/player.ts'

const FILE_BYTES = 1024 * KIB
/** Transfers at once that the gateway has places for. */
const PLACES = 32
const CONTENT = Buffer.alloc(FILE_BYTES, 'something to read')
const REPLY_BYTES = `FILE_CONTENT_LEN:${FILE_BYTES}\n`.length + FILE_BYTES + 1

let stage: Stage
async function begin(settings: Partial<GatewaySettings> = {}): Promise<void> {
  stage = await makeStage(settings)
  stage.store.files.set('/f', CONTENT)
  stage.store.files.set('/w', new Uint8Array())
}
beforeEach(() => begin())
afterEach(() => closeStage(stage))

function connect(...messages: (string | Uint8Array)[]): MemoryClient {
  const client = stage.network.connect(stage.ports.chunks[0]!)
  for (const message of messages) client.send(Buffer.from(message))
  return client
}

/** A client that has asked for the file and reads nothing of it. */
function stalled(): MemoryClient {
  const client = stage.network.connect(stage.ports.chunks[0]!)
  client.isReading = false
  client.send(Buffer.from('READ_FILE_LEN:f\n'))
  return client
}

/** Reads until the whole reply is there, or `withinMs` have passed. */
async function readAll(client: MemoryClient, withinMs: number): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for (let ms = 0; ms <= withinMs; ms += 10) {
    pieces.push(client.take())
    if (Buffer.concat(pieces).byteLength >= REPLY_BYTES) break
    await stage.clock.advance(10)
  }
  return Buffer.concat(pieces)
}

describe('readers that stand still', () => {
  it('500 of them beside 50 that read: those are served, and the store sees no more than there are places', async () => {
    const stalledOnes = Array.from({ length: 500 }, stalled)
    await stage.clock.advance(2000)
    const readers = Array.from({ length: 50 }, () => connect('READ_FILE_LEN:f\n'))
    for (const reader of readers) {
      const reply = await readAll(reader, 1000)
      expect(reply.byteLength).toBe(REPLY_BYTES)
    }
    expect(stage.store.open).toBeLessThanOrEqual(PLACES)
    // A small buffer each: the piece that was not taken, and what the system holds.
    expect(Math.max(...stalledOnes.map(({ unreadBytes }) => unreadBytes))).toBeLessThan(256 * KIB)
    expect(stage.gateway.heldBytes).toBeLessThan(500 * 256 * KIB)
    expect(stalledOnes.every(({ ending }) => ending === 'open')).toBe(true)
  })

  it('go on where they were when they read again, and get every byte once', async () => {
    const first = stalled()
    const others = Array.from({ length: 2 * PLACES }, stalled)
    await stage.clock.advance(2000)
    first.isReading = true
    const reply = await readAll(first, 5000)
    expect(reply.subarray(`FILE_CONTENT_LEN:${FILE_BYTES}\n`.length, -1).equals(CONTENT)).toBe(true)
    expect(others.every(({ ending }) => ending === 'open')).toBe(true)
  })

  it('keep their places while nobody needs them', async () => {
    Array.from({ length: PLACES }, stalled)
    await stage.clock.advance(10_000)
    expect(stage.store.open).toBe(PLACES)
  })

  it('are ended, the idlest first, when all memory is in use', async () => {
    await closeStage(stage)
    await begin({ memoryBytesMax: 512 * KIB })
    const clients: MemoryClient[] = []
    for (let count = 0; count < 12; count += 1) {
      clients.push(stalled())
      await stage.clock.advance(100)
    }
    const endings = clients.map(({ ending }) => ending)
    expect(endings[0]).toBe('reset')
    expect(endings.at(-1)).toBe('open')
    expect(endings).toEqual(endings.toSorted().toReversed())
    expect(stage.gateway.heldBytes).toBeLessThanOrEqual(512 * KIB)
  })
})

describe('writers that stand still', () => {
  it('lose their places to those that send', async () => {
    const begun = Array.from({ length: PLACES }, () =>
      connect(`WRITE_FILE_LEN:w:${FILE_BYTES}\n`, new Uint8Array(100)),
    )
    await stage.clock.advance(1000)
    const writer = connect(`WRITE_FILE_LEN:w:${FILE_BYTES}\n`, CONTENT)
    await stage.clock.advance(5000)
    expect(Buffer.from(writer.take()).toString()).toBe('FILE_WRITTEN\n')
    // Nothing of what was cut off is stored; its reply comes when the body has passed.
    const [loser, ...others] = begun
    for (const client of [loser!, ...others]) client.send(new Uint8Array(FILE_BYTES - 100))
    await stage.clock.advance(1000)
    expect(Buffer.from(loser!.take()).toString()).toBe('STORAGE_ERROR\n')
    for (const other of others) expect(Buffer.from(other.take()).toString()).toBe('FILE_WRITTEN\n')
  })

  it('do not keep anybody from reading', async () => {
    Array.from({ length: 2 * PLACES }, () => connect(`WRITE_FILE_LEN:w:${FILE_BYTES}\n`))
    await stage.clock.settle()
    expect((await readAll(connect('READ_FILE_LEN:f\n'), 100)).byteLength).toBe(REPLY_BYTES)
  })
})

describe('connections that nobody uses', () => {
  it('are ended, the idlest first, when there is no place for a new one', async () => {
    await closeStage(stage)
    await begin({ connectionsMax: 3 })
    const [first, second, third] = [connect(), connect(), connect()]
    await stage.clock.settle()
    first.send(Buffer.from('READ_FILE:w\n'))
    await stage.clock.settle()
    const fourth = connect('READ_FILE:w\n')
    await stage.clock.settle()
    expect([first, second, third].map(({ ending }) => ending)).toEqual(['open', 'reset', 'open'])
    expect(Buffer.from(fourth.take()).toString()).toBe('FILE_CONTENT:\n')
    expect(stage.gateway.connectionsCount).toBe(3)
  })
})
