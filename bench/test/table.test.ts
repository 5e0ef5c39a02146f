/** The numbers of a run as rows, and what the table says of them. */
import { describe, expect, it } from 'vitest'
import { parseCpuUs } from '../measure/process-usage.ts'
import { parseOptions } from '../options.ts'
import { type Row, smallRow } from '../row.ts'
import { tableText } from '../table.ts'

const result = {
  requests: 1000,
  elapsedMs: 2000,
  p50Ms: 1.234,
  p99Ms: 9.876,
  failures: 0,
  firstFailure: null,
  durability: 'copies=3, fsynced=3',
  numberNext: 1000,
  loadCpuUs: 12,
}
const weighed = {
  result,
  cpuUs: new Map([
    ['master', 20_000],
    ['chunk-server-1', 80_000],
  ]),
  residentMaxBytes: 2 ** 27,
  loopDelayP99Ms: 12.3,
}
const baselineRow = (rate: number): Row => ({
  ...smallRow({ workload: 'PUT', subject: 'bare', baseline: null }, weighed),
  rate,
})

describe('a row', () => {
  it('counts by operation and by the baseline of the same run', () => {
    const row = smallRow(
      { workload: 'PUT', subject: 'cluster', baseline: baselineRow(1250), ratioTarget: 0.35 },
      weighed,
    )
    expect(row).toMatchObject({
      rate: 500,
      cpuUs: 100,
      cpuUsByProcess: { master: 20, 'chunk-server-1': 80 },
      residentMaxMib: 128,
      ratio: 0.4,
    })
  })
})

describe('the table', () => {
  it.each([
    [1250, '0.35 reached'],
    [2500, '0.35 missed'],
  ])('says whether the share of %i ops/s is what was promised', (rate, verdict) => {
    const row = smallRow(
      { workload: 'PUT', subject: 'cluster', baseline: baselineRow(rate), ratioTarget: 0.35 },
      weighed,
    )
    const text = tableText([row])
    expect(text).toContain(verdict)
    expect(text).toContain('CPU µs, PUT, cluster: master 20, chunk-server-1 80')
    expect(text).toContain('cluster: copies=3, fsynced=3')
  })

  it.each([
    [12.3, 'event-loop delay, p99: at most 12 ms, target 50 reached'],
    [51, 'event-loop delay, p99: at most 51 ms, target 50 missed'],
  ])('holds every process to its bounds (%d ms)', (loopDelayP99Ms, line) => {
    const row = smallRow(
      { workload: 'PUT', subject: 'cluster', baseline: baselineRow(1) },
      { ...weighed, loopDelayP99Ms },
    )
    expect(tableText([row])).toContain('memory of any process: at most 128 MiB, target 300 reached')
    expect(tableText([row])).toContain(line)
  })

  it('hides no failure', () => {
    const failed = { ...weighed, result: { ...result, failures: 3, firstFailure: '503 busy' } }
    expect(tableText([smallRow({ workload: 'PUT', subject: 'cluster', baseline: null }, failed)])).toContain(
      'FAILED: PUT, cluster: 3 requests, the first with 503 busy',
    )
  })
})

describe('what is read and given', () => {
  it('finds the CPU time behind a name with blanks and parentheses', () => {
    expect(parseCpuUs('12 (a b) c) S 1 2 3 4 5 6 7 8 9 10 7 5 0 0 20')).toBe(120_000)
    expect(parseCpuUs('')).toBe(0)
  })

  it('refuses unknown workloads and times', () => {
    expect(parseOptions(['--only', 'small-reads', '--seconds', '2'])).toMatchObject({
      workloads: ['small-reads'],
      seconds: 2,
    })
    expect(() => parseOptions(['--only', 'everything'])).toThrow('--only knows')
    expect(() => parseOptions(['--seconds', '0'])).toThrow('--seconds must be')
  })
})
