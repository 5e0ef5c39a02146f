/** The verbs that change the states of copies: from where each may begin, and that the rows say what the memory says. */
import { InvariantError } from '@dfs/core'
import { expect, it } from 'vitest'
import { REPLICA, type ReplicaState } from '../../src/domain/metadata/codes.ts'
import { openDatabase } from '../../src/metadata/sqlite/connection.ts'
import { migrate } from '../../src/metadata/sqlite/schema.ts'
import { VolumeStates } from '../../src/domain/metadata/volume-states.ts'
import { Volumes } from '../../src/domain/metadata/volumes.ts'
import { type Replica, type Volume } from '../../src/domain/metadata/volume.ts'
import { SqliteVolumes } from '../../src/metadata/sqlite/rows/volumes.ts'

const END = 150
const STATES = Object.keys(REPLICA) as ReplicaState[]

type Verb = (states: VolumeStates, volume: Volume, copy: Replica) => void

const VERBS: Readonly<Record<string, Verb>> = {
  inSync: (states, volume, copy) => states.noteInSync(volume, copy, END),
  unverified: (states, _, copy) => states.noteUnverified(copy, { verifiedTo: 7, isSealReported: true }),
  damaged: (states, _, copy) => states.noteDamaged(copy),
  lost: (states, _, copy) => states.noteLost(copy),
}

/** What must not happen: a copy is whole, or gone, before its volume is sealed; or a damaged one becomes anything else. */
const FORBIDDEN = new Set([
  'open inSync',
  'open lost',
  'damaged inSync',
  'damaged unverified',
  'damaged lost',
])

/** A store with one volume, whose two copies are in a state. */
function storeWith(state: ReplicaState) {
  const database = openDatabase(':memory:')
  migrate(database)
  const rows = new SqliteVolumes(database)
  const volumes = new Volumes(rows, 10)
  const states = new VolumeStates(rows, volumes)
  const copies = [2, 3].map((id) => {
    return {
      id,
      volume: 1,
      server: id,
      incarnation: 1,
      state: 'open',
      verifiedTo: 0,
      isSealReported: false,
    } as const
  })
  const primary = { server: 2, incarnation: 1 }
  const what = { kind: 'small', state: 'open', committedEnd: END, sealedLength: null, salt: '00' } as const
  const volume: Volume = { id: 1, ...what, primary, replicas: copies.map((copy) => ({ ...copy })) }
  volumes.insert(volume, 0)
  if (state !== 'open') states.seal(volume, 'for the test', 0)
  for (const copy of volume.replicas) if (state !== 'open') VERBS[state]!(states, volume, copy)
  return { database, states, volume }
}

const cases = STATES.flatMap((from) => Object.keys(VERBS).map((to) => [from, to] as const))
const isForbidden = ([from, to]: readonly [string, string]): boolean => FORBIDDEN.has(`${from} ${to}`)

it.each(cases.filter((each) => !isForbidden(each)))('a copy may go from %s to %s', (from, to) => {
  const { database, states, volume } = storeWith(from)
  const [copy, other] = [volume.replicas[0]!, { ...volume.replicas[1]! }]
  VERBS[to]!(states, volume, copy)
  expect(copy.state).toBe(to)
  expect(
    new Volumes(new SqliteVolumes(database), 10).get(1)?.replicas,
    'as another start finds them',
  ).toEqual([copy, other])
})

it.each(cases.filter(isForbidden))('no copy goes from %s to %s, and nothing is changed', (from, to) => {
  const { database, states, volume } = storeWith(from)
  const before = structuredClone(volume)
  expect(() => VERBS[to]!(states, volume, volume.replicas[0]!)).toThrow(InvariantError)
  expect(volume).toEqual(before)
  expect(new Volumes(new SqliteVolumes(database), 10).get(1)).toEqual(before)
})

it('takes no copy for whole that is verified less far than its volume reaches', () => {
  const { states, volume } = storeWith('unverified')
  expect(() => states.noteInSync(volume, volume.replicas[0]!, END - 1)).toThrow(InvariantError)
})

it('seals at the committed end, once, and leaves what is known of damaged copies', () => {
  const { database, states, volume } = storeWith('open')
  states.noteDamaged(volume.replicas[1]!)
  states.seal(volume, 'first', 1)
  states.seal(volume, 'second', 2)
  const sealed = { state: 'sealed', committedEnd: END, sealedLength: END }
  expect(volume).toMatchObject({ ...sealed, replicas: [{ state: 'unverified' }, { state: 'damaged' }] })
  expect(new Volumes(new SqliteVolumes(database), 10).get(volume.id)).toEqual(volume)
  expect(database.prepare('SELECT sealed_ms, seal_reason FROM volumes').get()).toMatchObject({
    sealed_ms: 1,
    seal_reason: 'first',
  })
})
