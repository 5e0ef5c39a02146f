/** How copies go: ended, decided to go, taken back, released; and how they are moved. */
import { describe, expect, it } from 'vitest'
import { fullServers } from '../../../src/domain/copies/moves.ts'
import { badPair, LIMITS, MIB, NOW_MS, plan, server, servers, volume } from '../../fixture/copies-view.ts'

const dead = { liveness: 'dead', sinceMs: NOW_MS - 60_000 } as const
const suspect = { liveness: 'suspect', sinceMs: NOW_MS - 1_000 } as const
const draining = { mode: 'draining' } as const
const nothing = { actions: [], waiting: [] }

describe('a copy that is being made', () => {
  it.each([
    ['enough came back', '1 2 3 4:copying', {}, 'cancel 104 enough-copies'],
    [
      'its target drains',
      '1 2 4:copying',
      { 4: draining, 3: { isFull: true } },
      'cancel 104 target-draining',
    ],
    ['its target is full', '1 2 4:copying', { 4: { isFull: true }, 3: dead }, 'cancel 104 target-full'],
    ['its last source is dead', '1 4:copying', { 1: dead }, 'cancel 104 no-way'],
  ])('is ended if %s', (_, copies, changes, action) => {
    expect(plan({ servers: servers(4, changes), volumes: [volume(1, copies)] }).actions).toContain(action)
  })

  it('is ended, of several, if it has come least far', () => {
    const one = volume(1, '1 2 3:copying 4:copying')
    const sinceMs = (id: number): number => (id === 103 ? NOW_MS : NOW_MS - 60_000)
    const replicas = one.replicas.map((each) => ({ ...each, sinceMs: sinceMs(each.id) }))
    const { actions } = plan({ servers: servers(4), volumes: [{ ...one, replicas }] })
    expect(actions).toEqual(['cancel 103 enough-copies'])
  })

  it('goes on while its target is silent, and waits on a dead one', () => {
    expect(
      plan({ servers: servers(4, { 4: suspect }), volumes: [volume(1, '1 2 4:copying')] }).actions,
    ).toEqual([])
    const { actions } = plan({ servers: servers(4, { 4: dead }), volumes: [volume(1, '1 2 3 4:copying')] })
    expect(actions).toEqual([])
  })

  it('is given up if it stands still for too long, and not because its server was away for long', () => {
    const from = (furtherMs: number, aliveSinceMs = 0) => {
      const one = volume(1, '1 2 4:copying')
      const replicas = one.replicas.map((each) => ({ ...each, sinceMs: 0, furtherMs }))
      const all = servers(5, { 3: dead, 4: { sinceMs: aliveSinceMs } })
      return plan({ servers: all, volumes: [{ ...one, replicas }] }).actions
    }
    const longAgoMs = NOW_MS - 900_000
    expect(from(longAgoMs)).toEqual(['copy 1 1,2>5 policy', 'cancel 104 no-way'])
    expect(from(longAgoMs + 1)).toEqual([])
    expect(from(longAgoMs, NOW_MS - 60_000)).toEqual([])
  })

  it('is given up for another target after some failures in a row', () => {
    const volumes = [volume(1, '1 2 4:copying')]
    const of = (tries: number) => [badPair(1, 4, tries), badPair(2, 4, tries)]
    expect(plan({ servers: servers(5), volumes, badPairs: of(2) })).toEqual(nothing)
    const { actions } = plan({ servers: servers(5, { 3: dead }), volumes, badPairs: of(3) })
    expect(actions).toEqual(['copy 1 1,2>5 policy', 'cancel 104 no-way'])
  })
})

describe('copies beyond what is wanted', () => {
  it('are decided to go: the one in the fullest zone, then on the fullest server', () => {
    const volumes = [volume(1, '1 2 3 4')]
    const zones = { 1: { zone: 'a' }, 2: { zone: 'b', usedBytes: 5_000 * MIB }, 3: { zone: 'a' } }
    expect(plan({ servers: servers(4, zones), volumes })).toEqual({ actions: ['surplus 103'], waiting: [] })
    const used = { 2: { usedBytes: 5_000 * MIB } }
    expect(plan({ servers: servers(4, used), volumes })).toEqual({ actions: ['surplus 102'], waiting: [] })
  })

  it('stay until all are verified that should be: they may be the better ones', () => {
    const volumes = [volume(1, '1 2 3 4:unverified')]
    expect(plan({ servers: servers(4), volumes })).toEqual(nothing)
  })

  it('go if nobody verifies them and the others are enough', () => {
    const volumes = [volume(1, '1 2 3 4:unverified')]
    const told = plan({ servers: servers(4), volumes, nowMs: NOW_MS + 300_000 })
    expect(told).toEqual({ actions: ['surplus 104'], waiting: [] })
  })

  it('are released in a later plan', () => {
    expect(plan({ servers: servers(4), volumes: [volume(1, '1 2 3 4:surplus')] }).actions).toEqual([
      'release 104',
    ])
  })

  it('are not released without as many others on living servers that stay', () => {
    const volumes = [volume(1, '1 2 3 4:surplus')]
    for (const change of [dead, suspect, draining]) {
      const { actions } = plan({ servers: servers(4, { 1: change }), volumes })
      expect(actions.filter((action) => action.startsWith('release'))).toEqual([])
    }
  })

  it('are not released on a dead server', () => {
    expect(plan({ servers: servers(4, { 4: dead }), volumes: [volume(1, '1 2 3 4:surplus')] })).toEqual(
      nothing,
    )
  })

  it('are released a few at a time, so that a mistake is seen; from a draining server as they come', () => {
    const volumes = [1, 2, 3].map((id) => volume(id, '1 2 3 4:surplus'))
    const told = plan({ servers: servers(4, { 4: { releasedLately: 62 } }), volumes })
    expect(told).toEqual({ actions: ['release 104', 'release 204'], waiting: ['3 release-limit 4'] })
    const { actions } = plan({ servers: servers(4, { 4: { ...draining, releasedLately: 64 } }), volumes })
    expect(actions.length).toBe(3)
  })
})

describe('bad copies', () => {
  it('are released once all others are there', () => {
    const volumes = [volume(1, '1 2 3 4:damaged'), volume(2, '1 2 3 4:lost')]
    expect(plan({ servers: servers(5), volumes }).actions).toEqual(['release 104', 'release 204'])
  })

  it('stay until then, since they may help', () => {
    const { actions } = plan({ servers: servers(5), volumes: [volume(1, '1 2 3:damaged 4:copying')] })
    expect(actions).toEqual([])
  })

  it('make place if there is no other, with as many good ones as a write needs', () => {
    const told = plan({ servers: servers(3), volumes: [volume(1, '1 2 3:damaged')] })
    expect(told).toEqual({ actions: ['release 103'], waiting: ['1 waiting-for-drop 3'] })
    const tooFew = plan({ servers: servers(3), volumes: [volume(1, '1 2:lost 3:damaged')] })
    expect(tooFew).toEqual({ actions: [], waiting: ['1 no-server 2,3'] })
  })

  it('make place one at a time', () => {
    const volumes = [volume(1, '1 2 3:damaged 4:dropping', { wanted: 4 })]
    expect(plan({ servers: servers(4), volumes }).actions).toEqual([])
  })
})

describe('a server that drains', () => {
  it('loses its copies once the others are made', () => {
    const changes = { 3: draining }
    const at = (copies: string): readonly string[] =>
      plan({ servers: servers(4, changes), volumes: [volume(1, copies)] }).actions
    expect(at('1 2 3')).toEqual(['copy 1 1,2,3>4 drain', 'surplus 103'])
    expect(at('1 2 3:surplus 4:copying')).toEqual([])
    expect(at('1 2 3:surplus 4')).toEqual(['release 103'])
  })

  it('keeps them if nobody else can take them', () => {
    const told = plan({ servers: servers(3, { 3: draining }), volumes: [volume(1, '1 2 3')] })
    expect(told).toEqual({ actions: [], waiting: ['1 no-server 3'] })
  })

  it('takes them back when it is to stay after all', () => {
    const told = plan({ servers: servers(3), volumes: [volume(1, '1 2 3:surplus')] })
    expect(told).toEqual({ actions: ['revoke 103'], waiting: [] })
  })
})

describe('moves', () => {
  const full = { usedBytes: 3_000 * MIB }

  it('go from servers that are ten points fuller, until they are not', () => {
    const all = { 1: { usedBytes: 2_150 * MIB }, 2: full, 3: full, 4: full }
    const volumes = [1, 2, 3].map((id) => volume(id, '2 3 4'))
    const told = plan({ servers: servers(4, { ...all, 1: { usedBytes: 1_900 * MIB } }), volumes })
    expect(told.actions).toEqual(['copy 1 2,3,4>1 balance for 102'])
    const near = { ...all, 1: { usedBytes: 2_001 * MIB } }
    expect(plan({ servers: servers(4, near), volumes })).toEqual(nothing)
  })

  it('go to the emptiest server', () => {
    const changes = { 2: full, 4: { usedBytes: 900 * MIB }, 5: { usedBytes: 800 * MIB } }
    const told = plan({ servers: servers(5, changes), volumes: [volume(1, '1 2 3')] })
    expect(told.actions).toEqual(['copy 1 1,2,3>5 balance for 102'])
  })

  it('go to no server that drains, is silent or dies again and again', () => {
    const at = (change: object) => {
      const changes = { 2: full, 4: { usedBytes: 0, ...change } }
      return plan({ servers: servers(4, changes), volumes: [volume(1, '1 2 3')] })
    }
    expect(at({}).actions.length).toBe(1)
    const flapping = { deathsLastHour: 2, sinceMs: NOW_MS - 9_999 }
    for (const change of [draining, suspect, flapping]) expect(at(change)).toEqual(nothing)
  })

  it('bring no two copies into one zone, and take them out of it', () => {
    const zones = { 2: full, 4: { usedBytes: 500 * MIB, zone: 'z1' } }
    expect(plan({ servers: servers(4, zones), volumes: [volume(1, '1 2 3')] })).toEqual(nothing)
    const crowded = { 1: { zone: 'a' }, 2: { zone: 'a', usedBytes: 1_001 * MIB } }
    const { actions } = plan({ servers: servers(4, crowded), volumes: [volume(1, '1 2 3')] })
    expect(actions).toEqual(['copy 1 1,2,3>4 zone for 102'])
  })

  it('wait until nobody who misses a copy waits for a stream', () => {
    const changes = { 2: full, 5: { usedBytes: 0 }, 6: dead }
    const settled = volume(1, '1 2 3')
    const at = servers(6, changes)
    expect(plan({ servers: at, volumes: [settled] }).actions.length).toBe(1)
    const short = [2, 3, 4, 5, 6, 7].map((id) => volume(id, '1 3 6'))
    const { actions } = plan({ servers: at, volumes: [settled, ...short] })
    expect(actions.filter((action) => action.includes('balance'))).toEqual([])
  })

  it('do nothing about a disk that is too small to be any fuller for it', () => {
    const small = { totalBytes: 300 * MIB, usedBytes: 0, roomBytes: 300 * MIB }
    const changes = { 1: { usedBytes: 1_500 * MIB }, 4: small }
    expect(
      plan({ servers: servers(4, changes), volumes: [volume(1, '1 2 3', { sealedBytes: 256 * MIB })] }),
    ).toEqual(nothing)
  })

  it('concern the servers that are full', () => {
    const all = [
      server(1, full),
      server(2),
      server(3, { ...full, ...dead }),
      server(4, { usedBytes: 2_000 * MIB }),
    ]
    expect(fullServers(all, LIMITS)).toEqual([1, 4])
  })
})
