/** The verbs that change the states of copies: from where each may begin, and that the rows say what the memory says. */
import { type DatabaseSync } from 'node:sqlite'
import { InvariantError } from '@dfs/core'
import { describe, expect, it } from 'vitest'
import { REPLICA, type ReplicaState } from '../../src/domain/metadata/codes.ts'
import { type Replica, Volume } from '../../src/domain/metadata/volume.ts'
import { VolumeStates } from '../../src/domain/metadata/volume-states.ts'
import { Volumes } from '../../src/domain/metadata/volumes.ts'
import { openDatabase } from '../../src/metadata/sqlite/connection.ts'
import { SqliteVolumes } from '../../src/metadata/sqlite/rows/volumes.ts'
import { migrate } from '../../src/metadata/sqlite/schema.ts'

const END = 150
const STATES = Object.keys(REPLICA) as ReplicaState[]

type Verb = (states: VolumeStates, copy: Replica) => void

const VERBS: Readonly<Record<string, Verb>> = {
  inSync: (states, copy) => states.noteInSync(copy, END),
  unverified: (states, copy) => states.noteUnverified(copy, { verifiedTo: 7, isSealReported: true }),
  damaged: (states, copy) => states.noteDamaged(copy),
  lost: (states, copy) => states.noteLost(copy),
  surplus: (states, copy) => states.noteSurplus(copy),
}

/** What must not happen: a copy is whole, or gone, before its volume is sealed; or one that is being made becomes anything but whole; or one that is to stay as it is becomes anything else. */
const FORBIDDEN = new Set([
  'open inSync',
  'open lost',
  'damaged inSync',
  'damaged unverified',
  'damaged lost',
  'open surplus',
  'damaged surplus',
  'lost surplus',
  'copying damaged',
  'copying lost',
  'copying surplus',
  'dropping inSync',
  'dropping unverified',
  'dropping damaged',
  'dropping lost',
  'dropping surplus',
])

/** All that is known of a volume. */
const seen = (volume: Volume | undefined): unknown => {
  if (volume === undefined) return undefined
  const { id, kind, primary, state, committedEnd, sealedLength, salt, sizeBytes } = volume
  const { liveBytes, liveChunks, liveFiles } = volume
  const replicas = volume.replicas.map((copy) => {
    const { made, isUnheard, state: its, verifiedTo, isSealReported, row } = copy
    return { id: copy.id, made, isUnheard, state: its, verifiedTo, isSealReported, row }
  })
  const live = { liveBytes, liveChunks, liveFiles }
  return { id, kind, primary, state, committedEnd, sealedLength, salt, sizeBytes, ...live, replicas }
}

/** As another start finds it. */
const found = (database: DatabaseSync): unknown => seen(new Volumes(new SqliteVolumes(database)).get(1))

/** A store with one volume, whose two copies are in a state. */
function storeWith(state: ReplicaState) {
  const database = openDatabase(':memory:')
  migrate(database)
  const rows = new SqliteVolumes(database)
  const volumes = new Volumes(rows)
  const states = new VolumeStates(rows, volumes)
  const primary = volumes.placement(2, 1)
  const volume = new Volume({ id: 1, kind: 'small', primary, sizeBytes: null, salt: '00' })
  const copies = [2, 3].map((id) => ({ id, made: { server: id, incarnation: 1 } }))
  volumes.insert(volume, state === 'copying' ? [] : copies, 0)
  volumes.addChunk(volume, END, 50)
  volumes.flush()
  if (state !== 'open') states.seal(volume, 'for the test', 0)
  if (state === 'dropping') states.beginDeleting(volume, 9)
  else if (state === 'copying') for (const { id, made } of copies) states.beginCopy(volume, id, made)
  else if (state !== 'open') for (const copy of volume.replicas) VERBS[state]!(states, copy)
  return { database, rows, volumes, states, volume }
}

const cases = STATES.flatMap((from) => Object.keys(VERBS).map((to) => [from, to] as const))
const isForbidden = ([from, to]: readonly [string, string]): boolean => FORBIDDEN.has(`${from} ${to}`)

describe('a copy', () => {
  it.each(cases.filter((each) => !isForbidden(each)))('may go from %s to %s', (from, to) => {
    const { database, states, volume } = storeWith(from)
    const [copy, other] = [volume.replicas[0]!, volume.replicas[1]!]
    VERBS[to]!(states, copy)
    expect([copy.state, other.state]).toEqual([to, from])
    expect(found(database), 'as another start finds it').toEqual(seen(volume))
  })

  it.each(cases.filter(isForbidden))('never goes from %s to %s, and nothing is changed', (from, to) => {
    const { database, states, volume } = storeWith(from)
    const before = seen(volume)
    expect(() => VERBS[to]!(states, volume.replicas[0]!)).toThrow(InvariantError)
    expect(seen(volume)).toEqual(before)
    expect(found(database)).toEqual(before)
  })

  it('is not whole that is verified less far than its volume reaches', () => {
    const { states, volume } = storeWith('unverified')
    expect(() => states.noteInSync(volume.replicas[0]!, END - 1)).toThrow(InvariantError)
  })

  it('is in doubt when its server restarts, at no row, until it is heard of', () => {
    const { database, states, volume } = storeWith('inSync')
    const [copy, other] = [volume.replicas[0]!, volume.replicas[1]!]
    const [rows, before] = [found(database), states.changes]
    states.doubtAllOn(copy.server)
    expect([copy.state, copy.isSealReported, other.state]).toEqual(['unverified', false, 'inSync'])
    states.noteInSync(copy, END)
    expect([copy.state, copy.isSealReported, copy.isUnheard]).toEqual(['inSync', true, false])
    expect(states.changes, 'what was written holds again').toBe(before)
    expect(found(database)).toEqual(rows)
    states.doubtAllOn(copy.server)
    states.noteUnverified(copy, { verifiedTo: END, isSealReported: true })
    expect(states.changes).toBe(before + 1)
    expect(found(database)).toEqual(seen(volume))
  })
})

describe('a volume', () => {
  it('is sealed at the committed end, once, and what is known of damaged copies is left', () => {
    const { database, states, volume } = storeWith('open')
    states.noteDamaged(volume.replicas[1]!)
    states.seal(volume, 'first', 1)
    states.seal(volume, 'second', 2)
    const sealed = { state: 'sealed', committedEnd: END, sealedLength: END }
    expect(seen(volume)).toMatchObject({
      ...sealed,
      replicas: [{ state: 'unverified' }, { state: 'damaged' }],
    })
    expect(found(database)).toEqual(seen(volume))
    expect(database.prepare('SELECT sealed_ms, seal_reason FROM volumes').get()).toMatchObject({
      sealed_ms: 1,
      seal_reason: 'first',
    })
  })

  it('is gone at once if its copies are lost', () => {
    const { database, rows, volumes, states, volume } = storeWith('lost')
    states.noteUnverified(volume.replicas[1]!, {})
    states.beginDeleting(volume, 77)
    expect(volume.replicas.map(({ id, state }) => [id, state])).toEqual([[3, 'dropping']])
    expect(found(database)).toEqual(seen(volume))
    const all = storeWith('lost')
    all.states.beginDeleting(all.volume, 77)
    expect([all.volumes.get(1), found(all.database), all.rows.wasDeleted(1)]).toEqual([
      undefined,
      undefined,
      true,
    ])
    expect([volumes.deletingCount, all.volumes.deletingCount, rows.wasDeleted(1)]).toEqual([1, 0, true])
  })

  it('waits for a copy that is lost in doubt: its server has restarted and may have it', () => {
    const { states, volume } = storeWith('lost')
    states.doubtAllOn(volume.replicas[0]!.server)
    states.beginDeleting(volume, 77)
    expect(volume.replicas.map(({ id, state }) => [id, state])).toEqual([[2, 'dropping']])
  })

  it.each(['unverified', 'inSync', 'damaged'] as const)(
    'with copies that are %s may be deleted, and is gone with the last of them',
    (state) => {
      const { database, rows, volumes, states, volume } = storeWith(state)
      states.beginDeleting(volume, 77)
      expect(volume.replicas.map((copy) => copy.state)).toEqual(['dropping', 'dropping'])
      expect(found(database)).toEqual(seen(volume))
      expect(rows.wasDeleted(1)).toBe(true)
      expect([volumes.sealedCount, volumes.deletingCount]).toEqual([0, 1])
      const [first, second] = [...volume.replicas]
      states.noteDropped(first!)
      expect(found(database)).toEqual(seen(volume))
      states.noteDropped(second!)
      expect([volumes.get(1), found(database), volumes.deletingCount]).toEqual([undefined, undefined, 0])
      expect(rows.wasDeleted(1), 'for ever').toBe(true)
    },
  )

  it.each(['open', 'dropping'] as const)(
    'whose copies are %s is not deleted, and nothing is changed',
    (state) => {
      const { database, states, volume } = storeWith(state)
      const before = seen(volume)
      expect(() => states.beginDeleting(volume, 77)).toThrow(InvariantError)
      expect(seen(volume)).toEqual(before)
      expect(found(database)).toEqual(before)
    },
  )

  it.each(STATES.filter((state) => state !== 'dropping'))('loses no copy that is %s', (state) => {
    const { database, states, volume } = storeWith(state)
    const before = seen(volume)
    expect(() => states.noteDropped(volume.replicas[0]!)).toThrow(InvariantError)
    expect(seen(volume)).toEqual(before)
    expect(found(database)).toEqual(before)
  })
})
