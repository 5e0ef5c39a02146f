/** What the planner of copies decides, case by case; that it comes to rest is what potential.test.ts shows. */
import { describe, expect, it } from 'vitest'
import { MIB, NOW_MS, plan, servers, volume } from '../../fixture/copies-view.ts'

const dead = { liveness: 'dead', sinceMs: NOW_MS - 60_000 } as const
const draining = { mode: 'draining' } as const
const nothing = { actions: [], waiting: [] }

describe('a volume that has all that it wants', () => {
  it('is left alone', () => {
    expect(plan({ servers: servers(4), volumes: [volume(1, '1 2 3')] })).toEqual(nothing)
  })

  it('is left alone if a copy beyond that is on a dead server', () => {
    expect(plan({ servers: servers(4, { 4: dead }), volumes: [volume(1, '1 2 3 4')] })).toEqual(nothing)
  })
})

describe('a missing copy', () => {
  it.each([
    ['its server is dead', '1 2 3', { 3: dead }, 'copy 1 1,2>4 lost'],
    ['its server was removed', '1 2 3', { 3: { mode: 'removed' } }, 'copy 1 1,2>4 lost'],
    ['its server started without it', '1 2 3:lost', {}, 'copy 1 1,2>4 lost'],
    ['it is damaged, and helps out', '1 2 3:damaged', {}, 'copy 1 1,2,3>4 damaged'],
    ['its server drains', '1 2 3', { 3: draining }, 'copy 1 1,2,3>4 drain'],
    ['there were never more', '1 2', { 3: { isFull: true } }, 'copy 1 1,2>4 policy'],
  ] as const)('is made anew: %s', (_, copies, changes, action) => {
    const { actions } = plan({ servers: servers(4, changes), volumes: [volume(1, copies)] })
    expect(actions[0]).toBe(action)
  })

  it('is told to be lost when the one that was lost has made room for it', () => {
    const volumes = [volume(1, '1 2', { hadMore: true })]
    expect(plan({ servers: servers(3), volumes }).actions).toEqual(['copy 1 1,2>3 lost'])
  })

  it('comes first to the volume that has the fewest whole ones, then to the one with the fewest bytes', () => {
    const volumes = [
      volume(1, '1 2 3'),
      volume(2, '1 2 3', { sealedBytes: 10 * MIB }),
      volume(3, '1 2 3', { liveBytes: 0, sealedBytes: MIB }),
      volume(4, '1 3 4:lost'),
    ]
    const { actions } = plan(
      { servers: servers(8, { 3: dead }), volumes },
      { incomingMax: 9, outgoingMax: 9 },
    )
    expect(actions.map((action) => action.split(' ')[1])).toEqual(['4', '4', '2', '1', '3'])
  })

  it('goes to the zone that has the fewest, then to the server that is least used', () => {
    const zones = { 1: { zone: 'a' }, 2: { zone: 'b' }, 3: { zone: 'c', ...dead } }
    const others = {
      4: { zone: 'a', usedBytes: 0 },
      5: { zone: 'c' },
      6: { zone: 'c', usedBytes: 900 * MIB },
    }
    const { actions } = plan({ servers: servers(6, { ...zones, ...others }), volumes: [volume(1, '1 2 3')] })
    expect(actions).toEqual(['copy 1 1,2>6 lost'])
  })

  it('counts the streams of what is decided before, at both ends, and says that others wait', () => {
    const volumes = [1, 2, 3, 4, 5].map((id) => volume(id, '1 2 3'))
    const { actions, waiting } = plan({ servers: servers(4, { 3: dead }), volumes })
    expect(actions).toEqual(['copy 1 1,2>4 lost', 'copy 2 2,1>4 lost'])
    expect(waiting).toEqual(['3 streams-busy 4', '4 streams-busy 4', '5 streams-busy 4'])
    const twoTargets = plan({ servers: servers(6, { 3: dead }), volumes }, { outgoingMax: 1 })
    expect(twoTargets.actions.length).toBe(2)
  })

  it('counts the room of what is decided before', () => {
    const changes = { 3: dead, 4: { roomBytes: 150 * MIB } }
    const told = plan({ servers: servers(4, changes), volumes: [volume(1, '1 2 3'), volume(2, '1 2 3')] })
    expect(told).toEqual({ actions: ['copy 1 1,2>4 lost'], waiting: ['2 no-room 4'] })
  })

  it('takes back a copy that was to go before it makes a new one', () => {
    const told = plan({ servers: servers(5, { 3: dead }), volumes: [volume(1, '1 2 3 4:surplus')] })
    expect(told).toEqual({ actions: ['revoke 104'], waiting: [] })
  })

  it('is not taken back from a server that drains', () => {
    const changes = { 3: dead, 4: draining }
    const { actions } = plan({ servers: servers(5, changes), volumes: [volume(1, '1 2 3 4:surplus')] })
    expect(actions).toEqual(['copy 1 1,2,4>5 lost'])
  })

  it('is one of several actions at most, so that their transaction is short', () => {
    const volumes = [1, 2, 3].map((id) => volume(id, '1 2 3'))
    const told = plan({ servers: servers(8, { 3: dead }), volumes }, { actionsMax: 2, outgoingMax: 9 })
    expect(told.actions.length).toBe(2)
    expect(told.waiting).toEqual(['3 next-turn'])
  })
})

describe('sources', () => {
  it('are in-sync ones if there are any, whatever else is there', () => {
    const { actions } = plan({ servers: servers(6, { 3: dead }), volumes: [volume(1, '1 2:unverified 3')] })
    expect(actions).toEqual(['copy 1 1>4 lost'])
  })

  it('are unverified ones only if nothing better is left and nobody verifies them', () => {
    const copies = volume(1, '1:unverified 2:unverified 3')
    const changes = { 3: dead }
    const hasHope = plan({ servers: servers(6, changes), volumes: [copies] })
    expect(hasHope).toEqual({ actions: [], waiting: ['1 waiting-for-verification 1,2'] })
    const replicas = copies.replicas.map((replica) => ({ ...replica, sinceMs: NOW_MS - 400_000 }))
    const { actions } = plan({ servers: servers(6, changes), volumes: [{ ...copies, replicas }] })
    expect(actions).toEqual(['copy 1 1,2>4 lost'])
  })

  it('are not asked again and again for a volume without any whole copy: others would be no better', () => {
    const one = volume(1, '1:unverified 2:unverified 3:unverified')
    const replicas = one.replicas.map((replica) => ({ ...replica, sinceMs: 0 }))
    const told = plan({ servers: servers(6), volumes: [{ ...one, replicas }] })
    expect(told).toEqual({ actions: [], waiting: ['1 waiting-for-verification 1,2,3'] })
  })

  it('are damaged ones as well if there are no others: all of it may be there, on a disk that has failed once', () => {
    const told = plan({ servers: servers(4, { 2: dead, 3: dead }), volumes: [volume(1, '1:damaged 2 3')] })
    expect(told).toEqual({ actions: ['copy 1 1>4 lost'], waiting: ['1 no-server 1,2,3'] })
  })

  it('may be on servers that drain', () => {
    const changes = { 1: draining, 2: draining, 3: draining }
    const { actions } = plan({ servers: servers(6, changes), volumes: [volume(1, '1 2 3')] })
    expect(actions.slice(0, 3)).toEqual([
      'copy 1 1,2,3>4 drain',
      'copy 1 2,3,1>5 drain',
      'copy 1 3,1,2>6 drain',
    ])
  })
})
