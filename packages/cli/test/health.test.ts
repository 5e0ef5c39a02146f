/** `dfs status`, `dfs why` and the running `dfs fsck`: what they say of what is missing, and how they end. */
import { FakeCluster } from '@dfs/client/testing'
import { healthReason, type HealthReason, type HealthState, healthView } from '@dfs/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Ended, runHere } from './run-dfs.ts'

let cluster: FakeCluster

beforeEach(async () => {
  cluster = await FakeCluster.start()
})

afterEach(() => cluster[Symbol.asyncDispose]())

const here = (...args: readonly string[]): Promise<Ended> => runHere(args, cluster.url)

const SINCE_MS = Date.UTC(2026, 11, 1, 14, 2)

const gone = healthReason('server-gone', {
  state: 'degraded',
  text: 'chunk-2 is gone',
  servers: ['chunk-2'],
  sinceMs: SINCE_MS,
})

/** What every node says from now on. */
function isIn(state: HealthState, ...reasons: HealthReason[]): void {
  const { counts, atMs } = cluster.health
  cluster.health = { ...healthView(reasons, { counts, atMs }), state }
}

describe('status', () => {
  test.each([
    ['healthy', 0],
    ['degraded', 1],
    ['unavailable', 2],
    ['unknown', 2],
  ] as const)('of a cluster that is %s ends with %i', async (state, exitCode) => {
    isIn(state, ...(state === 'healthy' ? [] : [{ ...gone, state }]))
    const ended = await here('status')
    expect(ended.exitCode).toBe(exitCode)
    expect(ended.stdout.toString().split('\n')[0]).toMatch(new RegExp(`^${state}: `))
  })

  test('shows each reason with its code, since when, and what to do; then copies and servers', async () => {
    isIn('degraded', gone)
    cluster.health = {
      ...cluster.health,
      counts: {
        wanted: 3,
        isEstimate: true,
        byCopies: [
          { copies: 3, volumes: 2, files: 12040, bytes: 3 * 2 ** 30 },
          { copies: 0, volumes: 1, files: 3, bytes: 10 },
        ],
      },
    }
    const text = (await here('status')).stdout.toString()
    expect(text.split('\n').slice(0, 4)).toEqual([
      'degraded: everything works, something is missing',
      '  server-gone: chunk-2 is gone, since 2026-12-01T14:02:00Z',
      `    ${gone.next}`,
      '',
    ])
    expect(text).toContain('cluster fake, 3 copies')
    expect(text).toMatch(/3 of 3 +12040 +3\.0 GiB +2\n0 of 3 +3 +10 B +1\nAn estimate:/)
    expect(text).toMatch(/chunk-1 +alive/)
  })

  test('says for whom volumes wait that are being deleted, if their servers are gone', async () => {
    cluster.deleting = { volumesDeleting: 4, deletingOn: [2] }
    const lineOf = async (): Promise<string> =>
      (await here('status')).stdout.toString().match(/volumes 1 open, 0 sealed.*/)![0]
    expect(await lineOf()).toBe('volumes 1 open, 0 sealed, 4 being deleted')
    cluster.dead.add(1)
    expect(await lineOf(), 'another one').toBe('volumes 1 open, 0 sealed, 4 being deleted')
    cluster.dead.add(2)
    expect(await lineOf()).toBe('volumes 1 open, 0 sealed, 4 being deleted (until chunk-2 is back)')
    cluster.deleting = {}
    expect(await lineOf(), 'of an older master').toBe('volumes 1 open, 0 sealed')
  })

  test('as JSON is the cluster with its health', async () => {
    isIn('degraded', gone)
    const { exitCode, stdout } = await here('status', '--json')
    expect(exitCode).toBe(1)
    expect(JSON.parse(stdout.toString())).toMatchObject({
      clusterId: 'fake',
      health: { state: 'degraded', reasons: [{ code: 'server-gone' }] },
    })
  })

  test('shows what is known where the master cannot be asked', async () => {
    isIn('unavailable', healthReason('master-unreachable', { state: 'unavailable', text: 'no answer' }))
    cluster.health = { ...cluster.health, counts: null }
    cluster.mishap = ({ target }) =>
      target === '/v1/cluster' ? { kind: 'refuse', code: 'UNAVAILABLE' } : null
    const { exitCode, stdout } = await here('status')
    expect([exitCode, stdout.toString().trim().split('\n')]).toEqual([
      2,
      [
        expect.stringMatching(/^unavailable: /),
        '  master-unreachable: no answer',
        expect.stringContaining('Start the master'),
      ],
    ])
  })

  test('--watch shows it again and again, over itself on a terminal, until Ctrl-C', async () => {
    const interrupt = new AbortController()
    let asked = 0
    cluster.mishap = ({ target }) => {
      asked += target === '/v1/health' ? 1 : 0
      if (asked === 3) interrupt.abort(new Error('Ctrl-C'))
      return null
    }
    const options = { isTerminal: true, signal: interrupt.signal }
    const { exitCode, stdout } = await runHere(['status', '--watch'], cluster.url, options)
    expect([exitCode, stdout.toString().split('\u001b[2J\u001b[H').length]).toEqual([130, 3])
  })

  test('ends with 2 where nobody answers, and where a node does not know', async () => {
    const nobody = await runHere(['status'], 'http://127.0.0.1:1')
    expect([nobody.exitCode, nobody.stderr]).toEqual([2, expect.stringContaining('UNAVAILABLE')])
    cluster.mishap = ({ target }) =>
      target === '/v1/health' ? { kind: 'refuse', code: 'ROUTE_NOT_FOUND' } : null
    const old = await here('status')
    expect(old.exitCode).toBe(2)
    expect(old.stdout.toString()).toMatch(
      /^unknown: .*\n {2}program-outdated: .*\n {4}Start the newest program/,
    )
  })
})

describe('repairs', () => {
  const repair = {
    id: '200000031',
    volume: '100000004',
    state: 'running',
    cause: 'lost',
    source: 'chunk-1',
    target: 'chunk-3',
    bytes: 3 * 2 ** 20,
    bytesDone: 2 ** 20,
    bytesPerSecond: 2 ** 20,
    secondsLeft: 2,
    why: null,
    tries: 1,
    lastError: null,
    begunMs: 1,
    endedMs: null,
  }

  test('shows what is under way and what became of the others', async () => {
    const ended = { bytesDone: null, bytesPerSecond: null, secondsLeft: null, endedMs: 2 }
    const failed = {
      ...repair,
      ...ended,
      id: '200000030',
      state: 'failed',
      lastError: 'INSUFFICIENT_SPACE: no',
    }
    cluster.repairs = [repair, failed]
    const { exitCode, stdout, stderr } = await here('repairs', '--all')
    expect([exitCode, stderr]).toEqual([0, '2 repairs\n'])
    expect(
      stdout
        .toString()
        .split('\n')
        .map((row) => row.trimEnd()),
    ).toEqual([
      'volume     state    cause  from     to       size     done     rate       left  tries  last error',
      '100000004  running  lost   chunk-1  chunk-3  3.0 MiB  1.0 MiB  1.0 MiB/s  2 s   1      -',
      '100000004  failed   lost   chunk-1  chunk-3  3.0 MiB  -        -          -     1      INSUFFICIENT_SPACE: no',
      '',
    ])
  })

  test('says that there was none', async () => {
    cluster.repairs = []
    const { exitCode, stdout, stderr } = await here('repairs')
    expect([exitCode, stdout.toString(), stderr]).toEqual([0, '', 'No copy was made again.\n'])
  })
})

describe('server remove', () => {
  const store = (path: string): void =>
    void cluster.tree.write(path, {
      bytes: Buffer.from('12345'),
      contentType: 'text/plain',
      executable: false,
    })

  test('says what became of it', async () => {
    cluster.dead.add(2)
    const { exitCode, stdout } = await here('server', 'remove', 'chunk-2', '--lost')
    expect([exitCode, stdout.toString()]).toEqual([
      0,
      'chunk-2 (id 2) is removed. What it had is made again from the others; "dfs status" shows how far that is.\n',
    ])
  })

  test('names the files first that would be given up, and says what was', async () => {
    cluster.dead.add(2)
    store('/d/f')
    const refused = await here('server', 'remove', 'chunk-2', '--lost')
    expect([refused.exitCode, refused.stdout.toString()]).toEqual([5, ''])
    expect(refused.stderr).toMatch(/WOULD_LOSE_FILES: .*1 file\n {2}Bring its disk back.*--accept-loss/)
    const accepted = await here('server', 'remove', 'chunk-2', '--lost', '--accept-loss', '--id', '2')
    expect(accepted.stdout.toString().split('\n').slice(1)).toEqual(['Given up: 1 file, 5 B.', '  /d/f', ''])
    const asJson = await here('server', 'remove', 'chunk-2', '--lost', '--accept-loss', '--json')
    expect(JSON.parse(asJson.stdout.toString())).toMatchObject({ id: 2, wasRemoved: false, paths: ['/d/f'] })
  })

  test.each([
    [2, ['remove', 'chunk-2']],
    [2, ['forget', 'chunk-2', '--lost']],
    [2, ['remove', '--lost']],
    [2, ['remove', 'chunk-2', '--lost', '--id', '0']],
    [5, ['remove', 'chunk-1', '--lost']],
    [3, ['remove', 'chunk-2', '--lost', '--id', '1']],
  ])('ends with %i for %j', async (exitCode, args) => {
    cluster.dead.add(2)
    expect((await here('server', ...args)).exitCode).toBe(exitCode)
  })
})

describe('why', () => {
  test('explains a file by its parts and copies', async () => {
    cluster.tree.write('/d/f', { bytes: Buffer.from('12345'), contentType: 'text/plain', executable: false })
    const { exitCode, stdout } = await here('why', '/d/f')
    expect(exitCode).toBe(0)
    expect(stdout.toString().split('\n')).toEqual([
      '/d/f: It can be read; its weakest part has 1 of 3 copies.',
      expect.stringMatching(/^version "[0-9a-f]+", 5 B, written with 3 copies$/),
      'bytes 0 to 5 in 1 chunk: volume 100000004 (sealed), 1 of 3 good copies',
      '  chunk-1  good         synced; nothing',
      '  chunk-2  server-gone  chunk-2 is gone; wait',
      '',
    ])
    expect((await here('why', '/none')).exitCode).toBe(3)
  })

  test.each([
    ['--lost', '0 of 3  lost                     5 B  /d/f', 'without a copy'],
    ['--short', '1 of 3  short                    5 B  /d/f', 'with fewer good copies than wanted'],
    [
      '--only-on=chunk-2',
      '1 of 3  short                    5 B  /d/f',
      'of which nobody else is known to have a good copy',
    ],
  ])('%s lists files, and says how many there are in all', async (flag, row, what) => {
    cluster.tree.write('/d/f', { bytes: Buffer.from('12345'), contentType: 'text/plain', executable: false })
    const { exitCode, stdout, stderr } = await here('why', flag)
    expect([exitCode, stdout.toString()]).toEqual([0, `${row}\n`])
    expect(stderr).toBe(
      `1 file ${what}; 5 stored contents in all, earlier versions and deleted files among them\n`,
    )
    const asJson = await here('why', flag, '--json')
    expect(JSON.parse(asJson.stdout.toString())).toMatchObject({ path: '/d/f', size: 5 })
  })

  test.each([
    [['why']],
    [['why', '/a', '--lost']],
    [['why', '--lost', '--short']],
    [['why', '--id', '3']],
    [['why', '--only-on', 'chunk-2', '--id', 'x']],
  ])('makes no sense as %j', async (args) => {
    expect((await here(...args)).exitCode).toBe(2)
  })
})
