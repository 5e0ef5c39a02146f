/** What is told of a lost server: from what was seen, and beside what it should be. */
import { type RepairView } from '@dfs/protocol'
import { describe, expect, it } from 'vitest'
import { filesCountOf, HEALING_CASES } from '../healing/cases.ts'
import { copiesSeen, type LossFigures, lossFigures } from '../healing/figures.ts'
import { healingText } from '../healing/healing-table.ts'
import { type Probe, writesSeen } from '../healing/write-probe.ts'
import { parseOptions } from '../options.ts'

const MIB = 2 ** 20
const NO_FAILURES = { reads: 0, writes: 0, first: null }

const repair = (parts: Partial<RepairView>): RepairView => ({
  id: '1',
  volume: '1',
  state: 'done',
  cause: 'lost',
  source: 'chunk-server-1',
  target: 'chunk-server-4',
  bytes: 10 * MIB,
  bytesDone: null,
  bytesPerSecond: null,
  secondsLeft: null,
  why: null,
  tries: 0,
  lastError: null,
  begunMs: 0,
  endedMs: 0,
  ...parts,
})

const probe = (sentMs: number, copies: number | null, isOnLost = false): Probe => ({
  sentMs,
  answeredMs: sentMs + 5,
  copies,
  isOnLost,
})

describe('the writes after a loss', () => {
  it('have all copies from the first answer on after which none lacks one, whichever server it came through', () => {
    const probes = [probe(0, 3, true), probe(100, 2, true), probe(150, null), probe(300, 2), probe(260, 3)]
    expect(writesSeen([...probes, probe(310, 3), probe(400, 3)])).toEqual({
      lastToLostMs: 100,
      allCopiesMs: 315,
      refused: 1,
    })
    expect(writesSeen(probes)).toMatchObject({ allCopiesMs: null })
  })
})

describe('the copies that were made', () => {
  it('are those that are done, from the first begin to the last end', () => {
    const repairs = [
      repair({ begunMs: 30_000, endedMs: 32_000 }),
      repair({ begunMs: 25_000, endedMs: 40_000 }),
      repair({ begunMs: 20_000, endedMs: 50_000, state: 'cancelled' }),
      repair({ begunMs: 21_000, endedMs: null, state: 'running' }),
    ]
    expect(copiesSeen(repairs, 1000)).toEqual({
      firstMs: 31_000,
      copyingMs: 15_000,
      count: 2,
      bytes: 20 * MIB,
    })
    expect(copiesSeen([], 1000)).toMatchObject({ firstMs: null, copyingMs: null, bytes: 0 })
  })
})

const seen: LossFigures = lossFigures({
  workload: '1024 MiB in 105 KiB files',
  loss: 'first',
  restoredAimS: 60,
  writes: { lastToLostMs: 400, allCopiesMs: 900, refused: 0 },
  deadMs: 20_500,
  restoredMs: 61_000,
  copies: { firstMs: 28_000, copyingMs: 10_000, count: 3, bytes: 600 * MIB },
  cpuMs: 3600,
  failures: NO_FAILURES,
  phases: null,
})
const textOf = (loss: LossFigures): string =>
  healingText({ losses: [loss], copies: [], damagedRanges: new Map() })

describe('the table', () => {
  it('has each figure beside its aim', () => {
    const text = textOf(seen)
    expect(text).toMatch(
      /first +0\.4 s +0\.9 s +20\.5 s +28\.0 s +61\.0 s +60 missed +10\.0 s +600 MiB +60 MiB\/s +6\.0 +0/,
    )
    expect(text).toContain('dead: at most 20.5 s, aim 25 reached')
    expect(text).toContain('CPU of sources and targets: at most 6.0 ms/MiB, aim 6.5 reached')
    expect(text).not.toContain('FAILED')
  })

  it('says of what never came that it is missed', () => {
    const text = textOf({ ...seen, firstCopyS: null, restoredS: null })
    expect(text).toContain('first copy: not in time, aim 32 missed')
    expect(text).toMatch(/never +60 missed/)
  })

  it('hides no failure', () => {
    const failures = { reads: 2, writes: 1, first: 'reads: DATA_UNAVAILABLE' }
    expect(textOf({ ...seen, failures })).toContain(
      'FAILED: 1024 MiB in 105 KiB files, first: 2 reads and 1 writes, the first with reads: DATA_UNAVAILABLE',
    )
  })

  it('compares what clients wait for with how it was before', () => {
    const latencies = (p50Ms: number, p99Ms: number) => ({ count: 100, p50Ms, p99Ms })
    const phase = (name: string, p50Ms: number, p99Ms: number) => ({
      name,
      reads: latencies(p50Ms, p99Ms),
      writes: latencies(2 * p50Ms, 2 * p99Ms),
    })
    const phases = [phase('before', 2, 10), phase('lost', 4, 30), phase('copying', 3, 15)]
    expect(textOf({ ...seen, phases })).toMatch(
      /files, reads +first +300 +2\.0 +2\.00 × +1\.50 × +10\.0 +3\.00 × +1\.50 ×/,
    )
  })
})

describe('what is asked for', () => {
  it('is a GiB in 10,000 files, and a million in the case of small ones', () => {
    const [idle, , small] = HEALING_CASES
    expect(filesCountOf({ mib: 1024 }, idle)).toBe(10_000)
    expect(filesCountOf({ mib: 1024 }, small)).toBe(MIB)
  })

  it('runs only if it is named', () => {
    expect(parseOptions([])).toMatchObject({ workloads: expect.not.arrayContaining(['healing']) })
    const small = [
      '--only',
      'healing',
      '--healing-part',
      'idle',
      '--healing-mib',
      '64',
      '--healing-losses',
      '1',
    ]
    expect(parseOptions(small)).toMatchObject({
      workloads: ['healing'],
      healing: { parts: ['idle'], mib: 64, losses: 1, requestsPerSecond: 200 },
    })
    expect(() => parseOptions(['--healing-part', 'all'])).toThrow('--healing-part knows')
    expect(() => parseOptions(['--healing-losses', '3'])).toThrow('--healing-losses must be')
  })
})
