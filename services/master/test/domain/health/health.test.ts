/** Which disks are gone, and what is said of it: every reason with its numbers, and the state that follows. */
import { HEALTH_CODES, type HealthView } from '@dfs/protocol'
import { describe, expect, it, test } from 'vitest'
import { FirstSeen } from '../../../src/domain/health/first-seen.ts'
import { type SeenServer } from '../../../src/metadata/copy-store.ts'
import { dead, INCARNATION, notHeard, server, volumeWith, wholeOn } from './books-of-copies.ts'
import {
  codesOf,
  healthIn,
  NOTHING_TO_REPAIR,
  NOW_MS,
  reason,
  type Situation,
  stored,
  three,
} from './health-in.ts'

test('with every copy on living servers it is healthy, and nothing is said', () => {
  const view = healthIn({ servers: three, volumes: [stored(), stored('open')] })
  expect(view).toMatchObject({ state: 'healthy', reasons: [], atMs: NOW_MS })
  expect(view.counts).toEqual({
    wanted: 3,
    isEstimate: false,
    byCopies: [{ copies: 3, volumes: 2, files: 14, bytes: 2 ** 21 }],
  })
})

/** Disks that are gone, each by itself or with an empty one in its place. */
const GONE: { gone: number[]; state: HealthView['state']; codes: string[]; copies: number }[] = [
  { gone: [], state: 'healthy', codes: [], copies: 3 },
  { gone: [1], state: 'degraded', codes: ['files-short', 'server-gone', 'too-few-servers'], copies: 2 },
  { gone: [2], state: 'degraded', codes: ['files-short', 'server-gone', 'too-few-servers'], copies: 2 },
  { gone: [3], state: 'degraded', codes: ['files-short', 'server-gone', 'too-few-servers'], copies: 2 },
  { gone: [1, 2], state: 'unavailable', codes: ['too-few-servers', 'files-short', 'server-gone'], copies: 1 },
  { gone: [1, 3], state: 'unavailable', codes: ['too-few-servers', 'files-short', 'server-gone'], copies: 1 },
  { gone: [2, 3], state: 'unavailable', codes: ['too-few-servers', 'files-short', 'server-gone'], copies: 1 },
  {
    gone: [1, 2, 3],
    state: 'unavailable',
    codes: ['files-lost', 'too-few-servers', 'server-gone'],
    copies: 0,
  },
]

describe.each(GONE)('disks $gone are gone', ({ gone, state, codes, copies }) => {
  const old = three.map((each) => (gone.includes(each.id) ? dead(each.id) : each))
  /** Servers with new identities at the same places, under the same names. */
  const empty = gone.map((id) => server(id, { id: id + 10 }))

  it('with nothing in their place', () => {
    const view = healthIn({ servers: old, volumes: [stored()] })
    expect([view.state, codesOf(view)]).toEqual([state, codes])
    expect(view.counts?.byCopies).toEqual([{ copies, volumes: 1, files: 7, bytes: 2 ** 20 }])
    for (const { count, servers, code } of view.reasons.filter(({ code }) => code.startsWith('files-'))) {
      expect([count, servers], code).toEqual([7, gone.map((id) => `chunk-server-${id}`)])
    }
  })

  it('with empty ones in their place: new files are well, those from before are not', () => {
    const view = healthIn({ servers: [...old, ...empty], volumes: [stored()] })
    const files = codes.filter((code) => code.startsWith('files-'))
    expect([view.state, codesOf(view)]).toEqual([
      copies === 0 ? 'unavailable' : files.length > 0 ? 'degraded' : 'healthy',
      files,
    ])
  })

  it('and are back, with the empty ones left behind', () => {
    const left = empty.map((each) => ({ ...each, liveness: 'dead', silentForMs: 90_000 }) as const)
    expect(healthIn({ servers: [...three, ...left], volumes: [stored()] })).toMatchObject({
      state: 'healthy',
      reasons: [],
    })
  })
})

test('texts carry the numbers and the cause, and reasons what to do', () => {
  const view = healthIn({
    servers: [server(1), dead(2), server(3)],
    volumes: [
      volumeWith(
        [1, 2, 3].map((id) => ({ server: id, state: 'inSync' })),
        { files: 12_040, bytes: 3.1 * 2 ** 30 },
      ),
    ],
  })
  expect(reason(view, 'files-short')).toEqual({
    code: 'files-short',
    state: 'degraded',
    text: '12,040 files (3.1 GiB) have 2 of 3 copies: chunk-server-2 is gone',
    count: 12_040,
    bytes: 3.1 * 2 ** 30,
    copies: 2,
    servers: ['chunk-server-2'],
    sinceMs: null,
    next: HEALTH_CODES['files-short'],
  })
  expect(reason(view, 'server-gone')).toMatchObject({
    text: 'chunk-server-2 is gone',
    sinceMs: NOW_MS - 60_000,
  })
  expect(reason(view, 'too-few-servers').text).toBe(
    '2 of 3 servers can take writes: new files get 2 of 3 copies',
  )
})

test('a disk that was replaced is told from the server that runs now', () => {
  const view = healthIn({
    servers: [dead(1), server(2), server(3), server(1, { id: 11 })],
    volumes: [stored()],
  })
  expect(reason(view, 'files-short').text).toBe(
    '7 files (1.0 MiB) have 2 of 3 copies: an earlier disk of chunk-server-1 is gone',
  )
})

test('a copy that was removed to make room for a new one has left no cause to name', () => {
  const volume = wholeOn(1, 2)
  volume.hasDropped = true
  const { text } = reason(healthIn({ servers: three, volumes: [volume] }), 'files-short')
  expect(text).toBe('1 file (100 B) has 2 of 3 copies: another copy is made next')
})

test('of several disks that were in one place, one is missed', () => {
  const earlier = dead(1, { silentForMs: 90_000 })
  const later = dead(1, { id: 11, silentForMs: 30_000 })
  const view = healthIn({ servers: [earlier, later, server(2), server(3)], volumes: [stored()] })
  expect(reason(view, 'server-gone')).toMatchObject({ servers: ['chunk-server-1'], sinceMs: NOW_MS - 30_000 })
  expect(reason(view, 'files-short').text).toContain('an earlier disk of chunk-server-1 is gone')
  const unheard = [notHeard(1), { ...notHeard(1), id: 11 }, server(2), server(3)]
  expect(reason(healthIn({ servers: unheard }), 'server-not-heard').count).toBe(1)
})

describe('what was not heard is unknown', () => {
  it('before any server has reported, with nothing lost and nothing well', () => {
    const servers = [notHeard(1), notHeard(2), notHeard(3)]
    const view = healthIn({ servers, volumes: [stored()], hasMajority: false, isInGrace: true })
    expect([view.state, codesOf(view)]).toEqual([
      'unknown',
      ['files-not-seen', 'server-not-heard', 'too-few-servers'],
    ])
    expect(view.counts).toMatchObject({ isEstimate: true, byCopies: [{ copies: 0, files: 7 }] })
  })

  it('and becomes unavailable when they had their time', () => {
    const servers = [notHeard(1), notHeard(2), server(3)]
    const view = healthIn({ servers, volumes: [stored()], hasMajority: false })
    expect([view.state, codesOf(view)]).toEqual(['unavailable', ['too-few-servers', 'server-not-heard']])
  })

  it('with a majority there it is degraded, except for files that nobody has reported', () => {
    const servers = [server(1), server(2), notHeard(3)]
    const known = healthIn({ servers, volumes: [stored()], isInGrace: true })
    expect([known.state, codesOf(known)]).toEqual(['degraded', ['server-not-heard', 'too-few-servers']])
    const unseen = healthIn({ servers, volumes: [stored(), wholeOn(3)], isInGrace: true })
    expect([unseen.state, codesOf(unseen)[0]]).toEqual(['unknown', 'files-not-seen'])
    expect(unseen.counts?.isEstimate).toBe(true)
  })
})

describe('after a start of a server', () => {
  const restarted = [server(1), server(2), server(3, { incarnation: INCARNATION + 1 })]

  it('its copies are read, and nothing else is said', () => {
    const view = healthIn({ servers: restarted, volumes: [stored('unverified')] })
    expect([view.state, codesOf(view)]).toEqual(['degraded', ['verifying']])
    expect(reason(view, 'verifying')).toMatchObject({ count: 1, servers: ['chunk-server-3'] })
    expect(view.counts?.byCopies).toEqual([{ copies: 2, volumes: 1, files: 7, bytes: 2 ** 20 }])
  })

  it('of all of them no file is called lost, nor any copy good', () => {
    const servers = three.map((each) => ({ ...each, incarnation: INCARNATION + 1 }))
    const view = healthIn({ servers, volumes: [stored('unverified')] })
    expect([view.state, codesOf(view)]).toEqual(['degraded', ['verifying']])
    expect(view.counts?.byCopies).toMatchObject([{ copies: 0, files: 7 }])
  })
})

describe('full disks', () => {
  const full = (id: number): SeenServer => server(id, { isFull: true })

  it('writes go elsewhere while enough have room', () => {
    const view = healthIn({ servers: [full(1), ...three.slice(1), server(4)] })
    expect(view.reasons).toMatchObject([
      { code: 'server-full', state: 'degraded', text: 'full: chunk-server-1, writes go elsewhere' },
    ])
  })

  it('new files get fewer copies, then none', () => {
    const fewer = healthIn({ servers: [full(1), ...three.slice(1)] })
    expect(reason(fewer, 'server-full').text).toBe('full: chunk-server-1, new files get 2 of 3 copies')
    const none = healthIn({ servers: [full(1), full(2), server(3)] })
    expect([none.state, codesOf(none)]).toEqual(['unavailable', ['cluster-full']])
    expect(reason(none, 'cluster-full').count).toBe(2)
  })
})

test('damaged copies, a silent server, and what the metadata has to say', () => {
  const damaged = volumeWith([
    { server: 1, state: 'inSync' },
    { server: 2, state: 'damaged' },
    { server: 3, state: 'unverified', verifiedTo: 500 },
  ])
  const view = healthIn({
    servers: [server(1), server(2), server(3, { liveness: 'suspect', silentForMs: 5000 })],
    volumes: [damaged],
    isMetadataFull: true,
    backupRefused: 'changes are missing',
    kept: [
      { reason: 'damaged', files: 'kept-1-damaged-*' },
      { reason: 'mended', files: 'kept-2-mended-*' },
    ],
  })
  expect(view.state).toBe('unavailable')
  expect(codesOf(view).toSorted()).toEqual([
    'backup-refused',
    'copies-damaged',
    'files-short',
    'metadata-full',
    'metadata-kept',
    'server-silent',
    'too-few-servers',
  ])
  expect(reason(view, 'copies-damaged')).toMatchObject({
    count: 2,
    servers: ['chunk-server-2', 'chunk-server-3'],
  })
  expect(reason(view, 'server-silent').sinceMs).toBe(NOW_MS - 5000)
  expect(codesOf(healthIn({ servers: three, kept: [{ reason: 'torn', files: '*' }] }))).toEqual([])
})

test('files with fewer copies are told apart by how many they have, and from those that were written so', () => {
  const narrow = [stored(), wholeOn(1, 2), wholeOn(3)]
  const written = healthIn({ servers: three, volumes: narrow })
  expect(written.reasons.map(({ code, copies, text }) => [code, copies, text])).toEqual([
    ['files-narrow', 1, '1 file (100 B) has 1 of 3 copies since fewer servers could take one'],
    ['files-narrow', 2, '1 file (100 B) has 2 of 3 copies since fewer servers could take one'],
  ])
  const lost = healthIn({ servers: [server(1), dead(2), server(3)], volumes: narrow })
  expect(lost.reasons.filter(({ code }) => code.startsWith('files-')).map(({ text }) => text)).toEqual([
    '1 file (100 B) has 1 of 3 copies: chunk-server-2 is gone',
    '1 file (100 B) has 1 of 3 copies since fewer servers could take one',
    '7 files (1.0 MiB) have 2 of 3 copies: chunk-server-2 is gone',
  ])
})

test('the worst reason stands first and makes the whole', () => {
  const view = healthIn({ servers: [server(1), server(2), dead(3)], volumes: [wholeOn(3), wholeOn(1, 2, 3)] })
  expect(view.state).toBe('unavailable')
  expect(view.reasons.map(({ state }) => state)).toEqual(['unavailable', 'degraded', 'degraded', 'degraded'])
})

test('since when: the first time that it was seen, anew after it was gone', () => {
  const seen = new FirstSeen()
  const at = (nowWallMs: number, ...servers: SeenServer[]) =>
    seen.complete(healthIn({ servers, volumes: [stored()], nowWallMs }))
  const down = [server(1), server(2), dead(3)]
  expect(reason(at(1000, ...down), 'files-short').sinceMs).toBe(1000)
  expect(reason(at(2000, ...down), 'files-short').sinceMs).toBe(1000)
  expect(at(3000, ...three).reasons).toEqual([])
  expect(reason(at(4000, ...down), 'files-short').sinceMs).toBe(4000)
})

describe('copies that are made again', () => {
  it('are said to be, with how much is left and for how long', () => {
    const repair = { copies: 3, bytesLeft: 90 * 2 ** 20, bytesPerSecond: 2 * 2 ** 20, waiting: [] }
    const { state, reasons } = healthIn({ servers: three, volumes: [stored()], repair })
    expect([state, reasons.map(({ code, text }) => `${code}: ${text}`)]).toEqual([
      'degraded',
      ['repairing: 3 copies are being made again, 90.0 MiB to go, 2.0 MiB/s, about 45 s left'],
    ])
  })

  it('have no time left to tell before the first bytes have come', () => {
    const repair = { copies: 1, bytesLeft: 2 ** 20, bytesPerSecond: 0, waiting: [] }
    const { reasons } = healthIn({ servers: three, volumes: [stored()], repair })
    expect(reasons[0]!.text).toBe('1 copy is being made again, 1.0 MiB to go')
  })

  it('wait for what is named', () => {
    const waiting = [{ volumes: 12, servers: ['chunk-server-2'], text: 'no other server: chunk-server-2' }]
    const repair = { ...NOTHING_TO_REPAIR, waiting }
    const { reasons } = healthIn({ servers: three, volumes: [stored()], repair })
    expect(reasons).toMatchObject([
      {
        code: 'repair-waiting',
        state: 'degraded',
        text: '12 volumes cannot get all copies: no other server: chunk-server-2',
        count: 12,
        servers: ['chunk-server-2'],
      },
    ])
  })
})

test('a new history is said to be one until it is confirmed, and what waits for a name beside it', () => {
  const recovery = { pending: 3, isConfirmed: false, begunWallMs: NOW_MS - 5000 }
  const view = healthIn({ servers: three, volumes: [stored()], recovery })
  expect(view.state).toBe('degraded')
  expect(reason(view, 'salvaging')).toMatchObject({ count: 3, sinceMs: NOW_MS - 5000 })
  expect(reason(view, 'recovery-unconfirmed').text).toContain('nothing is deleted')
  const named = healthIn({ servers: three, volumes: [stored()], recovery: { ...recovery, pending: 0 } })
  expect(codesOf(named)).toEqual(['recovery-unconfirmed'])
  const kept = healthIn({ servers: three, volumes: [stored()], recovery: { ...recovery, isConfirmed: true } })
  expect(kept.state).toBe('healthy')
})

describe('what happens next, and what a person may do', () => {
  const servers = [server(1), server(2), dead(3)]
  const nextOf = (code: keyof typeof HEALTH_CODES, facts: Partial<Situation>): string =>
    reason(healthIn({ servers, volumes: [stored()], ...facts }), code).next

  it('of missing copies is nothing to do while they are made, or will be', () => {
    expect(nextOf('files-short', {})).toBe(HEALTH_CODES['files-short'])
    const repair = { ...NOTHING_TO_REPAIR, copies: 2 }
    expect(nextOf('files-short', { repair })).toMatch(/^Nothing: copies are being made again, `dfs repairs`/)
  })

  it('of missing copies is what they wait for, where they do', () => {
    const waiting = [{ volumes: 1, servers: ['chunk-server-3'], text: 'no other server: chunk-server-3' }]
    const next = nextOf('files-short', { repair: { ...NOTHING_TO_REPAIR, waiting } })
    expect(next).toContain('when what repair-waiting names is there')
    expect(next).toContain('bring back what is gone, or add a server')
  })

  it('before most servers are there is to start them, or to say that they will not come back', () => {
    const facts = { servers: [server(1), notHeard(2), dead(3)], hasMajority: false }
    for (const code of ['files-short', 'server-not-heard'] as const)
      expect(nextOf(code, facts)).toContain('dfs server remove NAME --lost')
    expect(nextOf('server-not-heard', { servers: [server(1), server(2), notHeard(3)] })).toBe(
      HEALTH_CODES['server-not-heard'],
    )
  })

  it('of files that only a removed server had is to take them from elsewhere', () => {
    const removed = [server(1), server(2), dead(3, { isRemoved: true })]
    const view = healthIn({ servers: removed, volumes: [wholeOn(3)] })
    expect(codesOf(view), 'nobody has to be started').not.toContain('server-gone')
    expect(reason(view, 'files-lost')).toMatchObject({
      text: '1 file (100 B) has no good copy: chunk-server-3 was removed',
      next: expect.stringMatching(/^Restore them from elsewhere/) as string,
    })
    const both = healthIn({
      servers: [dead(1), server(2), dead(3, { isRemoved: true })],
      volumes: [wholeOn(1, 3)],
    })
    expect(reason(both, 'files-lost').next, 'the other one may be back').toBe(HEALTH_CODES['files-lost'])
  })
})

test('servers at one address by mistake are named, and nobody else', () => {
  const shared = { internalAddress: 'host:1', isSharing: true }
  const view = healthIn({ servers: [server(1, shared), server(2, shared), server(3)], volumes: [stored()] })
  expect(view.reasons.map(({ code, text }) => [code, text])).toEqual([
    [
      'address-shared',
      'chunk-server-1 (id 1) and chunk-server-2 (id 2) say that they are at one internal address, host:1',
    ],
  ])
})
