/** What health says of the copies of the metadata. */
import { type HealthReason } from '@dfs/protocol'
import { expect, it } from 'vitest'
import { type ClusterFacts } from '../../../src/domain/health/facts.ts'
import { copiesOfMetadataReasons } from '../../../src/domain/health/metadata-reasons.ts'
import { type CopiesFacts } from '../../../src/domain/shipping/copies-facts.ts'

const holder = (id: number, ageMs: number | null) => {
  return { server: id, name: `chunk-${id}`, isWhole: ageMs !== null, ageMs, bytesBehind: 0 }
}

const WELL: CopiesFacts = {
  holders: [holder(1, 0), holder(2, 0), holder(3, 0)],
  fewForMs: 0,
  ageMs: 0,
  bytesBehind: 0,
  fenced: null,
  bytesSent: 0,
  snapshots: 1,
}

const reasonsOf = (copies: Partial<CopiesFacts>, more: Partial<ClusterFacts> = {}): HealthReason[] =>
  copiesOfMetadataReasons({
    isInGrace: false,
    backupRefused: null,
    ...more,
    copies: { ...WELL, ...copies },
  } as ClusterFacts)

it('says nothing while three copies follow', () => {
  expect(reasonsOf({})).toEqual([])
  expect(reasonsOf({ ageMs: 4000 })).toEqual([])
})

it('names who has a copy when there are too few', () => {
  const [reason, ...others] = reasonsOf({ holders: [holder(1, 0), holder(2, null)], fewForMs: 6000 })
  expect(others).toEqual([])
  expect(reason).toMatchObject({
    code: 'metadata-copies-few',
    state: 'degraded',
    count: 1,
    servers: ['chunk-1'],
  })
  expect(reason!.text).toBe(
    'the metadata has 1 of 3 copies on chunk servers (chunk-1); with fewer than three, a master that is cut off from them is not kept from going on',
  )
  const three = reasonsOf({ holders: [holder(1, 0), holder(2, 0), holder(3, null)], fewForMs: 6000 })
  expect(three[0]!.text).toBe('the metadata has 2 of 3 copies on chunk servers (chunk-1 and chunk-2)')
})

it('says nothing of what may come in a moment', () => {
  expect(reasonsOf({ holders: [], fewForMs: 4000 })).toEqual([])
  expect(reasonsOf({ holders: [], fewForMs: 9000, ageMs: 9000 }, { isInGrace: true })).toEqual([])
})

it('names who is late when most are', () => {
  const late = {
    holders: [holder(1, 12_500), holder(2, 0), holder(3, null)],
    ageMs: 12_500,
    bytesBehind: 2048,
  }
  expect(reasonsOf(late)).toMatchObject([
    { code: 'metadata-copies-behind', state: 'degraded', count: 2, servers: ['chunk-1', 'chunk-3'] },
  ])
  expect(reasonsOf(late)[0]!.text).toContain('changes of the last 12 s')
})

it('says at once why changes are refused', () => {
  expect(reasonsOf({ fenced: 'for 9 s …' }, { isInGrace: true })).toMatchObject([
    { code: 'metadata-fenced', state: 'unavailable', text: 'for 9 s …' },
  ])
})

it('leaves the word to a restored backup', () => {
  expect(reasonsOf({ holders: [], fewForMs: 9000, fenced: 'x' }, { backupRefused: 'a backup' })).toEqual([])
})
