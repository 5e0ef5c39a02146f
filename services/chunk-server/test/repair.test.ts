/**
 * A damaged copy is mended in place from the others: whatever bit is wrong, however the disk refuses, and whenever the power
 * is cut. What the copies cannot give stays as it is, and never becomes wrong in another way.
 */
import { concatBytes, utf8 } from '@dfs/core'
import { crc32 } from '@dfs/node-runtime'
import {
  type DiskFault,
  type DiskOperation,
  SimNetwork,
  simNode,
  type SimNode,
  Simulation,
} from '@dfs/sim-runtime'
import {
  BLOCK_BYTES,
  type CopyState,
  frameRecord,
  type ReadInto,
  sumContent,
  VOLUMES_DIRECTORY,
} from '@dfs/volume'
import { describe, expect, it } from 'vitest'
import { saveState } from '../src/volume/copy-note.ts'
import { OpenFiles } from '../src/volume/open-files.ts'
import { repairCopy } from '../src/workers/repair.ts'
import { fromHex, type Span } from '../src/volume/copy-verification.ts'
import { type CopyDeps } from '../src/volume/copy-on-disk.ts'
import { VolumeCopy } from '../src/volume/volume-copy.ts'
import { finish } from './finish.ts'
import { copyDeps } from './store-deps.ts'

const SALT = '0123456789abcdef'
const LOG = 'volumes/4d.log'
const SIZES = [20, BLOCK_BYTES, 3 * BLOCK_BYTES + 7, 0, 500]

function makeLog(): { log: Uint8Array; starts: readonly number[] } {
  const records: Uint8Array[] = []
  const starts: number[] = []
  let offset = 0
  for (const [index, size] of SIZES.entries()) {
    const content = new Uint8Array(size).map((_, at) => at * 13 + index)
    const identity = { volume: 77, offset, server: 1, incarnation: 1, requestNumber: index, start: 0 }
    const { pieces } = frameRecord(
      { ...identity, committedEnd: 0, witness: null, path: `/file ${index}` },
      sumContent([content], crc32),
      { salt: fromHex(SALT), crc32 },
    )
    starts.push(offset)
    records.push(...pieces)
    offset += pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }
  return { log: concatBytes(records), starts }
}

const { log, starts } = makeLog()

const SEALED: CopyState = {
  formatVersion: 1,
  order: {
    volume: 77,
    kind: 'small',
    salt: SALT,
    primary: { server: 1, incarnation: 1 },
    replicas: [{ replica: 5, server: 1, incarnation: 1 }],
  },
  replica: 5,
  state: 'sealed',
  sealedLengthBytes: log.byteLength,
  verifiedToBytes: 0,
}

/** A copy elsewhere, with a wrong bit at each of these places. */
function other(...places: readonly number[]): ReadInto {
  const bytes = log.slice()
  for (const place of places) bytes[place]! ^= 1
  return async (at, buffer) => {
    const part = bytes.subarray(at, at + buffer.byteLength)
    buffer.set(part)
    return part.byteLength
  }
}

class Bench {
  readonly simulation: Simulation
  readonly node: SimNode

  constructor(seed: string) {
    this.simulation = new Simulation(seed)
    this.node = simNode(new SimNetwork(this.simulation), 'node')
  }

  /** A sealed copy with these bytes as its log, which may be too short. */
  static async with(bytes: Uint8Array, seed = 'repair'): Promise<Bench> {
    const bench = new Bench(seed)
    const { disk } = bench.node.runtime
    await bench.simulation.complete(async () => {
      await disk.makeDirectory(VOLUMES_DIRECTORY)
      await disk.syncDirectory('')
      const file = await disk.open(LOG, 'create')
      await file.appendv([bytes])
      await file.sync()
      await file.close()
      await saveState({ disk, crc32 }, SEALED)
    })
    return bench
  }

  get stored(): Uint8Array {
    return this.node.disk.peek(LOG)!.slice()
  }

  deps(): CopyDeps {
    return copyDeps(this.node.runtime)
  }

  /** Verifies, repairs and verifies again; what is still damaged, and what no copy had. */
  mend(...others: readonly ReadInto[]): Promise<{ left: Span[]; lost: readonly Span[] }> {
    return this.simulation.complete(() => this.mendNow(others))
  }

  async mendNow(others: readonly ReadInto[]): Promise<{ left: Span[]; lost: readonly Span[] }> {
    const copy = await VolumeCopy.recover(this.deps(), SEALED)
    const damaged = await finish(copy.verify({ areErrorsDamage: true }))
    const { lost } = await finish(repairCopy(copy, damaged, others))
    return { left: await finish(copy.verify({ areErrorsDamage: true })), lost }
  }
}

const failing =
  (failed: DiskOperation['kind'], error: 'io' | 'full') =>
  ({ kind, name }: DiskOperation): DiskFault | null =>
    kind === failed && name === LOG ? { kind: 'error', error } : null

function flipped(...places: readonly number[]): Uint8Array {
  const bytes = log.slice()
  for (const place of places) bytes[place]! ^= 16
  return bytes
}

describe('A damaged copy', () => {
  it('is identical to the others again, whichever part of a record was wrong (R20)', async () => {
    const places = starts.flatMap((start, index) => [start + 2, start + 77, start + 90 + SIZES[index]! / 2])
    for (const place of places.map(Math.floor).filter((at) => at < log.byteLength)) {
      const bench = await Bench.with(flipped(place))
      expect(await bench.mend(other()), `wrong at ${place}`).toEqual({ left: [], lost: [] })
      expect(Buffer.from(bench.stored).equals(log), `wrong at ${place}`).toBe(true)
    }
  })

  it('is mended if every block is wrong', async () => {
    const everywhere = Array.from({ length: Math.floor(log.byteLength / 1000) }, (_, index) => index * 1000)
    const bench = await Bench.with(flipped(...everywhere))
    expect(await bench.mend(other())).toEqual({ left: [], lost: [] })
    expect(Buffer.from(bench.stored).equals(log)).toBe(true)
  })

  it('is mended from copies that are damaged themselves, in other places', async () => {
    const start = starts[2]!
    const [first, last] = [start + 200, start + 200 + 2 * BLOCK_BYTES]
    const bench = await Bench.with(flipped(first, last))
    expect(await bench.mend(other(first), other(start + 1, last))).toEqual({ left: [], lost: [] })
    expect(Buffer.from(bench.stored).equals(log)).toBe(true)
  })

  it('gets back what is missing at its end, and what its disk cannot read', async () => {
    const short = await Bench.with(log.subarray(0, starts[2]! + 100))
    expect(await short.mend(other())).toEqual({ left: [], lost: [] })
    expect(Buffer.from(short.stored).equals(log)).toBe(true)

    const unreadable = await Bench.with(log)
    let isMended = false
    unreadable.node.disk.faultHook = ({ kind, name }) => {
      if (kind === 'write' && name === LOG) isMended = true
      return kind === 'read' && name === LOG && !isMended ? { kind: 'error', error: 'io' } : null
    }
    expect(await unreadable.mend(other())).toEqual({ left: [], lost: [] })
  })

  it('keeps its other records, and is not touched if no copy is right (R20)', async () => {
    const [lostAt, mendedAt] = [starts[1]! + 300, starts[4]! + 120]
    const bench = await Bench.with(flipped(lostAt, mendedAt))
    const lost = [{ at: starts[1]!, end: starts[2]! }]
    expect(await bench.mend(other(lostAt), other(lostAt))).toEqual({ left: lost, lost })
    expect(Buffer.from(bench.stored).equals(flipped(lostAt))).toBe(true)
  })

  it('is not touched if nobody can be reached', async () => {
    const bench = await Bench.with(flipped(starts[1]! + 300))
    const { left } = await bench.mend(async () => 0)
    expect(left).toHaveLength(1)
    expect(Buffer.from(bench.stored).equals(flipped(starts[1]! + 300))).toBe(true)
  })

  it.each(['io', 'full'] as const)('fails for good when the sync of a repair answers %s', async (error) => {
    const bench = await Bench.with(flipped(3))
    const state = await bench.simulation.complete(async () => {
      const copy = await VolumeCopy.recover(bench.deps(), SEALED)
      const damaged = await finish(copy.verify())
      bench.node.disk.faultHook = failing('sync', error)
      await expect(finish(repairCopy(copy, damaged, [other()]))).rejects.toThrow('injected')
      return copy.state.state
    })
    expect(state).toBe('failed')
  })

  it('is not called mended by a disk that keeps other bytes than were written: they are read back', async () => {
    const bench = await Bench.with(flipped(starts[2]! + 400))
    let isWritten = false
    bench.node.disk.faultHook = ({ kind, name, at }) => {
      if (name !== LOG) return null
      // The first read after the write finds one bit that is not what was written; no later one does.
      if (kind === 'read' && isWritten) bench.node.disk.faultHook = null
      isWritten ||= kind === 'write'
      return kind === 'read' && isWritten && at === starts[2] ? { kind: 'flip', at: 500, bit: 6 } : null
    }
    await expect(bench.mend(other())).rejects.toThrow('the disk keeps other bytes')
    expect(isWritten).toBe(true)
    expect(await bench.mend(other()), 'it is still sealed, and read again').toEqual({ left: [], lost: [] })
  })

  it('counts as whole only if the repair is on the disk: not after a write without room', async () => {
    const bench = await Bench.with(flipped(3))
    await bench.simulation.complete(async () => {
      const copy = await VolumeCopy.recover(bench.deps(), SEALED)
      const damaged = await finish(copy.verify())
      bench.node.disk.faultHook = failing('write', 'full')
      await expect(finish(repairCopy(copy, damaged, [other()]))).rejects.toThrow('injected')
      bench.node.disk.faultHook = null
      await finish(copy.verify())
      expect(copy.state.state).toBe('sealed')
    })
    expect(Buffer.from(bench.node.disk.durable(LOG)!).equals(bench.stored)).toBe(true)
  })

  it('counts as whole only if the repair is on the disk: not after a kill before its sync', async () => {
    const bench = await Bench.with(flipped(3))
    bench.node.disk.faultHook = ({ kind, name }) => {
      const isSync = kind === 'sync' && name === LOG && Buffer.from(bench.stored).equals(log)
      if (isSync) bench.node.crash('process')
      return null
    }
    void bench.mendNow([other()])
    await bench.simulation.run({ isDone: () => !bench.node.isUp })
    bench.node.disk.faultHook = null
    bench.node.restart()
    expect(Buffer.from(bench.node.disk.durable(LOG)!).equals(log), 'killed before the sync').toBe(false)
    expect(await bench.mend(other())).toEqual({ left: [], lost: [] })
    expect(Buffer.from(bench.node.disk.durable(LOG)!).equals(log)).toBe(true)
  })
})

describe('A power cut during a repair', () => {
  it('leaves a copy that the next repair mends, whenever it comes', async () => {
    const damaged = flipped(5, starts[2]! + 400, starts[4]! + 100)
    for (let cutAfter = 1; cutAfter < 60; cutAfter += 1) {
      const bench = await Bench.with(damaged, `cut ${cutAfter}`)
      void bench.mendNow([other()])
      let left = cutAfter
      await bench.simulation.run({ isDone: () => (left -= 1) < 0 })
      bench.node.crash('power')
      bench.node.restart()
      expect(await bench.mend(other()), `cut after ${cutAfter} events`).toEqual({ left: [], lost: [] })
      expect(Buffer.from(bench.stored).equals(log), `cut after ${cutAfter} events`).toBe(true)
    }
  })
})

describe('A copy that was verified', () => {
  const verified: CopyState = { ...SEALED, verifiedToBytes: log.byteLength }

  it('is not taken as whole when bytes are missing at its end', async () => {
    const bench = await Bench.with(log.subarray(0, log.byteLength - 1))
    const copy = await bench.simulation.complete(() => VolumeCopy.recover(bench.deps(), verified))
    expect(copy.report().verifiedToBytes).toBe(starts[4])
  })

  it('counts as verified only up to a record that is found damaged later', async () => {
    const bench = await Bench.with(flipped(starts[2]! + 400))
    const span = (index: number): Span => ({ at: starts[index]!, end: starts[index + 1]! })
    await bench.simulation.complete(async () => {
      const copy = await VolumeCopy.recover(bench.deps(), verified)
      expect(await copy.check(span(1))).toBe(true)
      expect(copy.report().verifiedToBytes).toBe(log.byteLength)
      expect(await copy.check(span(2))).toBe(false)
      expect(copy.report().verifiedToBytes).toBe(starts[2])
      const behind = { at: log.byteLength, end: log.byteLength + 50 }
      expect(await copy.check(behind), 'beyond the end nothing is damaged').toBe(true)
      const later = new Uint8Array(20)
      await copy.readInto(starts[4]!, later)
      expect(later, 'what is behind it can still be read').toEqual(log.subarray(starts[4]!, starts[4]! + 20))
    })
  })
})

describe('A copy whose first record is wrong', () => {
  const firstIsWrong = (): Promise<Bench> => Bench.with(flipped(starts[0]! + 2))
  const isFoundDamaged = (copy: VolumeCopy): boolean => copy.report().isFoundDamaged === true

  it('is reported as damaged, although nothing of it was ever verified, until it is mended', async () => {
    const bench = await firstIsWrong()
    await bench.simulation.complete(async () => {
      const copy = await VolumeCopy.recover(bench.deps(), SEALED)
      expect(isFoundDamaged(copy)).toBe(false)
      const damaged = await finish(copy.verify())
      expect([copy.report().verifiedToBytes, isFoundDamaged(copy)]).toEqual([0, true])
      await finish(repairCopy(copy, damaged, [other()]))
      expect(await finish(copy.verify())).toEqual([])
      expect([copy.report().verifiedToBytes, isFoundDamaged(copy)]).toEqual([log.byteLength, false])
    })
  })

  it('is so if a check finds it', async () => {
    const bench = await firstIsWrong()
    await bench.simulation.complete(async () => {
      const checked = await VolumeCopy.recover(bench.deps(), SEALED)
      expect(await checked.check({ at: starts[0]!, end: starts[1]! })).toBe(false)
      expect(isFoundDamaged(checked)).toBe(true)
      const readAgain = await VolumeCopy.recover(bench.deps(), SEALED)
      expect(await finish(readAgain.readAgain())).not.toEqual([])
      expect(isFoundDamaged(readAgain)).toBe(true)
    })
  })
})

describe('Open files', () => {
  it('are as many as the limit at rest, and none is closed while it is used', async () => {
    const { simulation, node } = new Bench('open files')
    const { disk } = node.runtime
    await simulation.complete(async () => {
      const files = new OpenFiles(disk, 2)
      for (let index = 0; index < 6; index += 1) {
        const file = await disk.open(`f${index}`, 'create')
        await file.appendv([utf8(`content ${index}`)])
        await file.close()
      }
      const readOne = (index: number): Promise<string> =>
        files.use(`f${index}`, async (file) => {
          const buffer = new Uint8Array(9)
          await node.runtime.clock.sleep(5)
          await file.readInto(0, buffer)
          return Buffer.from(buffer).toString()
        })
      const texts = await Promise.all([0, 1, 2, 3, 4, 5, 0].map(readOne))
      expect(texts).toEqual([0, 1, 2, 3, 4, 5, 0].map((index) => `content ${index}`))
      expect(files.count).toBe(2)
      await expect(files.use('none', async () => {})).rejects.toMatchObject({ kind: 'missing' })
      expect(files.count).toBe(2)
      await files.close()
    })
  })

  it('are closed when what is under way has ended, and nobody gets one after that', async () => {
    const { simulation, node } = new Bench('closed files')
    const { clock, disk } = node.runtime
    await simulation.complete(async () => {
      await (await disk.open('file', 'create')).appendv([utf8('content')])
      const files = new OpenFiles(disk, 2)
      const buffer = new Uint8Array(7)
      const reading = files.use('file', async (file) => {
        await clock.sleep(50)
        return await file.readInto(0, buffer)
      })
      const opening = files.use('missing', async () => {})
      const closing = files.close()
      await expect(files.use('file', async () => {})).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      await expect(opening).rejects.toMatchObject({ kind: 'missing' })
      await closing
      expect(await reading).toBe(7)
    })
  })
})
