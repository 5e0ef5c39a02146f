/**
 * The last record of a log cut at every byte, as a crash may leave it: by recovery it is a tail that was never finished, and
 * the records before it are whole. Only a length that the master has promised makes the same bytes damage.
 */
import { concatBytes, type DiskFile } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import { formatId, type VolumeOrder } from '@dfs/protocol'
import { SimNetwork, simNode, type SimNode, Simulation } from '@dfs/sim-runtime'
import { copyLogName, type CopyState, frameRecord, sumContent, VOLUMES_DIRECTORY } from '@dfs/volume'
import { describe, expect, it } from 'vitest'
import { saveState } from '../src/volume/copy-note.ts'
import { fromHex } from '../src/volume/copy-verification.ts'
import { type VolumeCopy } from '../src/volume/volume-copy.ts'
import { VolumeStore } from '../src/volume/volume-store.ts'
import { finish } from './finish.ts'
import { storeDeps } from './store-deps.ts'

const VOLUME = 77
const LOG = copyLogName(VOLUME)
const ORDER: VolumeOrder = {
  volume: VOLUME,
  kind: 'small',
  salt: '0123456789abcdef',
  primary: { server: 1, incarnation: 1 },
  replicas: [{ replica: 5, server: 1, incarnation: 1 }],
}
const OPEN: CopyState = {
  formatVersion: 1,
  order: ORDER,
  replica: 5,
  state: 'open',
  sealedLengthBytes: null,
  verifiedToBytes: 0,
}

/** Content whose bytes never repeat the magic of a record, and content that consists of nothing else. */
const CONTENTS = [
  new Uint8Array(200).fill(7),
  new Uint8Array(0),
  new Uint8Array(300).fill(0x44),
  new Uint8Array(400).map((_, at) => at * 31),
]

function makeLog(): { readonly bytes: Uint8Array; readonly lastStart: number } {
  let bytes = new Uint8Array(0)
  let lastStart = 0
  for (const [index, content] of CONTENTS.entries()) {
    lastStart = bytes.byteLength
    const identity = {
      server: 1,
      incarnation: 1,
      requestNumber: index,
      start: 0,
      committedEnd: 0,
      witness: null,
    }
    const { pieces } = frameRecord(
      { ...identity, volume: VOLUME, offset: lastStart, path: `/files/${index}` },
      sumContent([content], crc32),
      { salt: fromHex(ORDER.salt), crc32 },
    )
    bytes = concatBytes([bytes, ...pieces]).slice()
  }
  return { bytes, lastStart }
}

const LOG_BYTES = makeLog()

class Server {
  readonly simulation = new Simulation('torn tail')
  readonly node: SimNode = simNode(new SimNetwork(this.simulation), 'node')

  /** A data directory with one volume, whose log is whole. */
  static async withWholeLog(): Promise<Server> {
    const server = new Server()
    const { disk } = server.node.runtime
    await server.simulation.complete(async () => {
      await disk.makeDirectory(VOLUMES_DIRECTORY)
      await disk.syncDirectory('')
      await saveState({ disk, crc32 }, OPEN)
      const file = await disk.open(LOG, 'create')
      await file.appendv([LOG_BYTES.bytes])
      await file.sync()
      await file.close()
    })
    return server
  }

  async change(work: (log: DiskFile) => Promise<void>): Promise<void> {
    await this.simulation.complete(async () => {
      const log = await this.node.runtime.disk.open(LOG, 'existing')
      await work(log)
      await log.close()
    })
  }

  /** What a start of the server finds; `saved` is the state beside the log. */
  async recovered<T>(saved: CopyState, look: (copy: VolumeCopy) => Promise<T>): Promise<T> {
    return this.simulation.complete(async () => {
      const { runtime } = this.node
      await saveState({ disk: runtime.disk, crc32 }, saved)
      const store = await VolumeStore.open(storeDeps(runtime))
      const seen = await look(store.require(VOLUME))
      await store.close()
      return seen
    })
  }
}

/** Both ways in which a write ends early: the file ends there, or the rest of it reads as zeros. */
const TEARS: readonly (readonly [string, (log: DiskFile, at: number) => Promise<void>])[] = [
  ['ends there', (log, at) => log.truncate(at)],
  ['is zeros from there on', (log, at) => log.writeAt(at, new Uint8Array(1))],
]

describe.each(TEARS)('a log whose last record %s, at every byte,', (_, tear) => {
  it('keeps every earlier record, calls the rest a tail, and looks the same after another start (R10)', async () => {
    const { bytes, lastStart } = LOG_BYTES
    const server = await Server.withWholeLog()
    const whole = await server.recovered(OPEN, async (copy) => copy.syncedLength)
    expect(whole, 'a record that is whole counts').toBe(bytes.byteLength)
    for (let at = bytes.byteLength - 1; at >= lastStart; at -= 1) {
      await server.change((log) => tear(log, at))
      // The last byte may have been a zero anyway.
      const isWhole = Buffer.from(server.node.disk.peek(LOG)!).equals(bytes)
      const before = server.node.disk.peek(LOG)!.slice()
      for (const start of ['first', 'second']) {
        const earlier = new Uint8Array(lastStart)
        const length = await server.recovered(OPEN, async (copy) => {
          await copy.readInto(0, earlier)
          return copy.syncedLength
        })
        expect(length, `${start} start, torn at ${at}`).toBe(isWhole ? bytes.byteLength : lastStart)
        expect(Buffer.compare(earlier, bytes.subarray(0, lastStart)), `records before ${at}`).toBe(0)
      }
      expect(Buffer.compare(before, server.node.disk.peek(LOG)!), `recovery changed the log at ${at}`).toBe(0)
    }
  })

  it('is whole if the master has sealed it before that record, and damaged if behind it (R10)', async () => {
    const { bytes, lastStart } = LOG_BYTES
    const server = await Server.withWholeLog()
    const verifiedTo = (sealedLengthBytes: number): Promise<{ isWhole: boolean; to: number }> =>
      server.recovered({ ...OPEN, state: 'sealed', sealedLengthBytes }, async (copy) => {
        const damaged = await finish(copy.verify())
        const isWhole = damaged.length === 0
        return { isWhole, to: copy.state.verifiedToBytes }
      })
    for (let at = bytes.byteLength - 1; at >= lastStart; at -= 1) {
      await server.change((log) => tear(log, at))
      if (Buffer.from(server.node.disk.peek(LOG)!).equals(bytes)) continue
      const description = `volume ${formatId(VOLUME)} torn at ${at}`
      expect(await verifiedTo(lastStart), description).toEqual({ isWhole: true, to: lastStart })
      expect(await verifiedTo(bytes.byteLength), description).toEqual({ isWhole: false, to: lastStart })
    }
  })
})
