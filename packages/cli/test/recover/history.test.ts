/** When a new history of the metadata may begin, where, and what is given up by it. */
import { type Epoch, HISTORY_STARTS, HISTORY_TRANSACTIONS, MASTER_SILENT_MS } from '@dfs/protocol'
import { describe, expect, it } from 'vitest'
import {
  type Answered,
  type Inquiry,
  type KnownServer,
  planHistory,
  requireNoNewer,
  requireUnchanged,
} from '../../src/recover/history.ts'

const CLUSTER = 'c1'
const OWN: Epoch = { counter: 3, nonce: 'aa', sequence: 100 }

const serverOf = (id: number): KnownServer => ({
  id,
  name: `server-${id}`,
  diskUid: `disk-${id}`,
  internalAddress: `127.0.0.1:${id}`,
})

const answer = (id: number, change: Partial<Answered['testimony']> = {}): Answered => ({
  server: serverOf(id),
  testimony: {
    name: `server-${id}`,
    diskUid: `disk-${id}`,
    clusterId: CLUSTER,
    seenEpoch: OWN,
    masterSilentMs: MASTER_SILENT_MS,
    servers: [],
    ...change,
  },
})

const inquiry = (change: Partial<Inquiry> = {}): Inquiry => ({
  clusterId: CLUSTER,
  own: OWN,
  answered: [answer(1), answer(2)],
  silent: [],
  lost: new Set(),
  ...change,
})

describe('planHistory', () => {
  it('begins above all that anybody has seen, by start and by transaction, wherever each was the highest', () => {
    const seen = [
      answer(1, { seenEpoch: { counter: 9, nonce: 'bb', sequence: 50 } }),
      answer(2, { seenEpoch: { counter: 4, nonce: 'cc', sequence: 170 } }),
    ]
    const plan = planHistory(inquiry({ answered: seen }))
    expect(plan).toMatchObject({
      counter: 9 + HISTORY_STARTS,
      sequence: 170 + HISTORY_TRANSACTIONS,
      missingTransactions: 70,
      newestSeen: { counter: 9 },
    })
  })

  it('misses nothing if nobody has seen more than the metadata has', () => {
    expect(planHistory(inquiry())).toMatchObject({ missingTransactions: 0, newestSeen: null, givenUp: [] })
  })

  it('notices another start under the same number: transactions of it are not in here', () => {
    const other = { ...OWN, nonce: 'another' }
    expect(planHistory(inquiry({ answered: [answer(1, { seenEpoch: other })] })).newestSeen).toEqual(other)
  })

  it('refuses while a master has answered any server within the time, by a millisecond', () => {
    const heard = [answer(1), answer(2, { masterSilentMs: MASTER_SILENT_MS - 1 })]
    expect(() => planHistory(inquiry({ answered: heard }))).toThrow(
      /answered server-2 30 s ago.*stop every master/,
    )
  })

  it('refuses until every server was reached or named as lost', () => {
    const silent = [serverOf(3), serverOf(4)]
    expect(() => planHistory(inquiry({ silent, lost: new Set(['server-3']) }))).toThrow('--lost server-4')
    const plan = planHistory(inquiry({ silent, lost: new Set(['server-3', 'server-4']) }))
    expect(plan.givenUp.map(({ id }) => id)).toEqual([3, 4])
  })

  it('gives up nobody who answers, and nobody whom nobody knows', () => {
    expect(() => planHistory(inquiry({ lost: new Set(['server-1']) }))).toThrow('cannot be given up')
    expect(() => planHistory(inquiry({ lost: new Set(['nobody']) }))).toThrow('cannot be given up')
  })

  it('refuses servers of another cluster', () => {
    expect(() => planHistory(inquiry({ answered: [answer(1, { clusterId: 'other' })] }))).toThrow(
      'of cluster other',
    )
  })
})

describe('requireUnchanged', () => {
  const before = [answer(1), answer(2)]

  it('lets begin what was consented to', () => {
    expect(() => requireUnchanged(before, [answer(2), answer(1), answer(3)])).not.toThrow()
  })

  it('refuses if a master has answered a server meanwhile, however long it is silent again', () => {
    const after = [answer(1), answer(2, { seenEpoch: { ...OWN, sequence: 101 } })]
    expect(() => requireUnchanged(before, after)).toThrow(/server-2 has seen more since.*again/)
  })
})

describe('requireNoNewer', () => {
  const seen = (counter: number, sequence: number): Answered =>
    answer(1, { seenEpoch: { counter, nonce: 'aa', sequence } })

  it('takes a backup of a start that a server knows, also one that was made in the moment before the end', () => {
    expect(() => requireNoNewer(OWN, [seen(OWN.counter, OWN.sequence - 1)])).not.toThrow()
    expect(() => requireNoNewer(OWN, [seen(OWN.counter + 1, OWN.sequence)])).not.toThrow()
  })

  it('refuses one of a start that no server has seen, and says both', () => {
    const behind = [seen(OWN.counter - 1, 7), answer(2, { seenEpoch: null })]
    expect(() => requireNoNewer(OWN, behind)).toThrow(/transaction 100 of start 3.*transaction 7 of start 2/)
  })
})
