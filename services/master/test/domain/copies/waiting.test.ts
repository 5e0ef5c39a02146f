/** What the planner of copies waits for, and that it says so. */
import { describe, expect, it } from 'vitest'
import { badPair, NOW_MS, plan, servers, volume } from '../../fixture/copies-view.ts'

const dead = { liveness: 'dead', sinceMs: NOW_MS - 60_000 } as const
const justDead = { liveness: 'dead', sinceMs: NOW_MS - 4_999, deathsLastHour: 1 } as const
const suspect = { liveness: 'suspect', sinceMs: NOW_MS - 1_000 } as const

const flapping = { deathsLastHour: 3, sinceMs: NOW_MS - 19_999 }
const cut = { unreachable: [4] }
const busy = { outgoing: 2 }

const wait = (reason: string) => ({ actions: [], waiting: [`1 ${reason}`] })

describe('before most servers were heard', () => {
  it('nothing is done', () => {
    const told = plan({ servers: servers(5, { 3: dead }), volumes: [volume(1, '1 2 3')], mayAct: false })
    expect(told).toEqual(wait('waiting-for-majority'))
  })
})

describe('a server that may come back', () => {
  const one = [volume(1, '1 2 3')]

  it('is waited for while it is silent', () => {
    expect(plan({ servers: servers(5, { 3: suspect }), volumes: one })).toEqual(wait('waiting-for-server 3'))
  })

  it('is waited for until five seconds after its death, and twice as long after each further one', () => {
    const at = (sinceMs: number, deathsLastHour: number): number => {
      const changes = { 3: { liveness: 'dead', sinceMs: NOW_MS - sinceMs, deathsLastHour } as const }
      return plan({ servers: servers(5, changes), volumes: one }).actions.length
    }
    expect([at(4_999, 1), at(5_000, 1)]).toEqual([0, 1])
    expect([at(39_999, 4), at(40_000, 4)]).toEqual([0, 1])
    expect([at(599_999, 60), at(600_000, 60)]).toEqual([0, 1])
  })

  it('is not waited for with one whole copy left, if it is dead', () => {
    const { actions } = plan({ servers: servers(5, { 2: justDead, 3: justDead }), volumes: one })
    expect(actions).toEqual(['copy 1 1>4 lost', 'copy 1 1>5 lost'])
  })

  it('is the reason only if it brings all that is missing', () => {
    const { actions } = plan({ servers: servers(5, { 2: dead, 3: suspect }), volumes: one })
    expect(actions).toEqual(['copy 1 1>4 lost'])
  })

  it('keeps its surplus copies from being taken back', () => {
    const told = plan({ servers: servers(5, { 3: suspect }), volumes: [volume(1, '1 2 3 4:surplus')] })
    expect(told).toEqual(wait('waiting-for-server 3'))
  })
})

describe('unverified copies', () => {
  const one = [volume(1, '1 2 3:unverified')]

  it('count as on their way while their server verifies', () => {
    expect(plan({ servers: servers(5), volumes: one })).toEqual(wait('waiting-for-verification 3'))
    const late = { nowMs: NOW_MS + 3_000_000, volumes: one }
    const isGoingOn = { 3: { checkedAtMs: NOW_MS + 2_999_000 } }
    expect(plan({ servers: servers(5, isGoingOn), ...late })).toEqual(wait('waiting-for-verification 3'))
  })

  it('do not count once their server has verified nothing for five minutes, or after an hour', () => {
    const { actions } = plan({ servers: servers(5), volumes: one, nowMs: NOW_MS + 300_000 })
    expect(actions).toEqual(['copy 1 1,2>4 policy'])
    const isGoingOn = { 3: { checkedAtMs: NOW_MS + 3_599_000 } }
    const later = plan({ servers: servers(5, isGoingOn), volumes: one, nowMs: NOW_MS + 3_600_000 })
    expect(later.actions.length).toBe(1)
  })

  it('end no copy that is being made: they may turn out to be bad', () => {
    const told = plan({ servers: servers(5), volumes: [volume(1, '1 2 3:unverified 4:copying')] })
    expect(told.actions).toEqual([])
  })
})

describe('a volume that gets no copy', () => {
  const one = [volume(1, '1 2 3')]

  it.each([
    ['every server that may take one has one', 'no-server 3', servers(3, { 3: dead })],
    [
      'the others are full',
      'no-room 4,5',
      servers(5, { 3: dead, 4: { roomBytes: 99 }, 5: { isFull: true } }),
    ],
    ['the other dies again and again', 'back-off 4', servers(4, { 3: dead, 4: flapping })],
    ['nobody reaches the others', 'unreachable 4', servers(4, { 3: dead, 4: { unreachable: [1, 2] } })],
    ['the others reach nobody', 'unreachable 4', servers(4, { 1: cut, 2: cut, 3: dead })],
    ['others go first', 'streams-busy 4', servers(4, { 3: dead, 4: { incoming: 2 } })],
    ['its sources are busy', 'streams-busy 4', servers(4, { 1: busy, 2: busy, 3: dead })],
    ['nobody has one', 'no-good-copy 1,2,3', servers(4, { 1: dead, 2: dead, 3: dead })],
  ])('says why: %s', (_, reason, at) => {
    expect(plan({ servers: at, volumes: one })).toEqual(wait(reason))
  })

  it('says what came nearest to being done', () => {
    const changes = { 3: dead, 4: { isFull: true }, 5: { incoming: 2 } }
    expect(plan({ servers: servers(5, changes), volumes: one })).toEqual(wait('streams-busy 5'))
  })

  it('says if the pairs have just failed, and uses the others', () => {
    const badPairs = [badPair(1, 4), badPair(2, 4)]
    const failed = plan({ servers: servers(4, { 3: dead }), volumes: one, badPairs })
    expect(failed).toEqual(wait('back-off 4'))
    const { actions } = plan({ servers: servers(4, { 3: dead }), volumes: one, badPairs: [badPair(1, 4)] })
    expect(actions).toEqual(['copy 1 2>4 lost'])
    const later = { nowMs: NOW_MS + 5_000, badPairs }
    expect(plan({ servers: servers(4, { 3: dead }), volumes: one, ...later }).actions.length).toBe(1)
  })

  it('waits for a copy that is being removed from the only place', () => {
    const told = plan({ servers: servers(3), volumes: [volume(1, '1 2 3:dropping')] })
    expect(told).toEqual(wait('waiting-for-drop 3'))
  })
})
