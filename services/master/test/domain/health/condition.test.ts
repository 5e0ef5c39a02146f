/** Every state that a copy may be in, on every server that it may be on. */
import { type CopyCondition } from '@dfs/protocol'
import { describe, expect, it, test } from 'vitest'
import { type SeenServer } from '../../../src/metadata/copy-store.ts'
import { conditionOf, gradeOf, strengthOf, weaker } from '../../../src/domain/health/condition.ts'
import { SeenServers } from '../../../src/domain/health/seen-servers.ts'
import { type Copy, dead, INCARNATION, LENGTH, notHeard, server, volumeWith } from './books-of-copies.ts'

const COPIES = {
  open: { state: 'open' },
  'in sync': { state: 'inSync' },
  'waiting in its process': { state: 'unverified' },
  'waiting since a start': { state: 'unverified', incarnation: INCARNATION - 1 },
  'found damaged': { state: 'unverified', verifiedTo: LENGTH / 2 },
  'found damaged at once': { state: 'unverified', isFoundDamaged: true },
  'damaged for good': { state: 'damaged' },
  lost: { state: 'lost' },
} satisfies Record<string, Omit<Copy, 'server'>>

const SERVERS = {
  alive: server(1),
  silent: server(1, { liveness: 'suspect', silentForMs: 6000 }),
  dead: dead(1),
  'not heard': notHeard(1),
  'dead and never heard': dead(1, { isHeard: false }),
  unknown: server(2),
} satisfies Record<string, SeenServer>

const there = {
  open: 'good',
  'in sync': 'good',
  'waiting in its process': 'good',
  'waiting since a start': 'verifying',
  'found damaged': 'damaged',
  'found damaged at once': 'damaged',
  'damaged for good': 'damaged',
} as const
const all = <C extends CopyCondition>(condition: C) => ({
  open: condition,
  'in sync': condition,
  'waiting in its process': condition,
  'waiting since a start': condition,
  'found damaged': condition,
  'found damaged at once': condition,
  'damaged for good': condition,
})

const EXPECTED: Record<keyof typeof SERVERS, Record<keyof typeof there, CopyCondition>> = {
  alive: there,
  silent: there,
  dead: all('server-gone'),
  'not heard': all('not-heard'),
  'dead and never heard': all('server-gone'),
  unknown: all('server-gone'),
}

describe.each(Object.keys(SERVERS) as (keyof typeof SERVERS)[])('on a server that is %s', (at) => {
  const seen = new SeenServers([SERVERS[at]])
  const conditionWith = (copy: Omit<Copy, 'server'>): CopyCondition => {
    const volume = volumeWith([{ ...copy, server: 1 }])
    return conditionOf(volume.replicas[0]!, seen)
  }

  it.each(Object.keys(there) as (keyof typeof there)[])('a copy that is %s', (name) => {
    expect(conditionWith(COPIES[name])).toBe(EXPECTED[at][name])
  })

  it('a copy that was lost is that, wherever it was', () => {
    expect(conditionWith(COPIES.lost)).toBe('lost')
  })
})

const GRADES: [CopyCondition[], string, boolean][] = [
  [['good', 'good', 'good'], '3 whole', true],
  [['good', 'good', 'good', 'good'], '4 whole', true],
  [['good', 'good', 'verifying'], '2 short', true],
  [['good', 'good', 'not-heard'], '2 short', true],
  [['good', 'good', 'server-gone'], '2 short', false],
  [['good', 'good'], '2 short', true],
  [['good', 'lost'], '1 short', false],
  [['verifying', 'good'], '1 short', true],
  [['good', 'lost', 'damaged'], '1 short', false],
  [['verifying', 'verifying', 'verifying'], '0 unverified', true],
  [['verifying', 'server-gone', 'not-heard'], '0 unverified', false],
  [['not-heard', 'server-gone', 'server-gone'], '0 not-seen', false],
  [['not-heard', 'not-heard', 'not-heard'], '0 not-seen', true],
  [['server-gone', 'lost', 'lost'], '0 lost', false],
  [['damaged', 'damaged', 'damaged'], '0 damaged', false],
  [['server-gone', 'lost', 'damaged'], '0 damaged', false],
  [['damaged', 'copying', 'leaving'], '0 damaged', false],
  [['damaged', 'damaged', 'verifying'], '0 unverified', false],
  [['damaged', 'not-heard', 'not-heard'], '0 unverified', false],
  [['damaged', 'damaged', 'good'], '1 short', false],
  [['leaving', 'leaving', 'leaving'], '0 lost', true],
  [[], '0 lost', true],
]

test.each(GRADES)('copies that are %j are %s', (conditions, expected, isHopeful) => {
  const grade = gradeOf({ conditions, wanted: 3, hadMore: false })
  expect(`${grade.good} ${grade.condition}`).toBe(expected)
  expect(grade.isHopeful).toBe(isHopeful)
})

test('what was made with fewer copies than wanted is narrow, and what has lost some is not', () => {
  const narrow = (conditions: CopyCondition[], hadMore = false) => gradeOf({ conditions, wanted: 3, hadMore })
  expect(narrow(['good', 'good'])).toMatchObject({ isNarrow: true, isHopeful: true })
  expect(narrow(['good', 'good', 'copying'])).toMatchObject({ isNarrow: true, isHopeful: true })
  expect(narrow(['good', 'good', 'leaving'])).toMatchObject({ isNarrow: true, isHopeful: true })
  expect(narrow(['good', 'good'], true)).toMatchObject({ isNarrow: false, isHopeful: false })
  expect(narrow(['good', 'good', 'copying'], true)).toMatchObject({ isNarrow: false, isHopeful: false })
  expect(narrow(['good', 'good', 'lost'])).toMatchObject({ isNarrow: false, isHopeful: false })
})

test('grades are ordered from what is lost to what is whole', () => {
  const grades = GRADES.map(([conditions]) => gradeOf({ conditions, wanted: 3, hadMore: false }))
  const sorted = grades.toSorted((a, b) => strengthOf(a) - strengthOf(b))
  expect([...new Set(sorted.map(({ good, condition }) => `${good} ${condition}`))]).toEqual([
    '0 lost',
    '0 not-seen',
    '0 damaged',
    '0 unverified',
    '1 short',
    '2 short',
    '3 whole',
    '4 whole',
  ])
  expect(grades.reduce(weaker)).toMatchObject({ condition: 'lost' })
})
