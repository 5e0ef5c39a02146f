/** Volumes and copies that the metadata does not know, told from those that it has done with. */
import { type HeldCopy } from '@dfs/protocol'
import { expect, it } from 'vitest'
import { type MetadataFacts } from '../../src/local/metadata-facts.ts'
import { findStrangers, type Held } from '../../src/recover/strangers.ts'

const copy = (volume: number, replica: number, change: Partial<HeldCopy> = {}): HeldCopy => ({
  volume,
  replica,
  kind: 'small',
  salt: `${volume}`.padStart(16, '0'),
  sealedLength: null,
  primary: { server: 1, incarnation: 4 },
  isBeingMade: false,
  ...change,
})
const held = (server: number, ...copies: readonly HeldCopy[]): Held => ({ server, incarnation: 5, copies })

const FACTS: MetadataFacts = {
  clusterId: 'c',
  epoch: { counter: 1, nonce: 'a', sequence: 9 },
  files: 0,
  servers: [],
  holders: null,
  volumes: [
    { id: 10, isOpen: true, isLarge: false, committedEnd: 500, replicas: [{ id: 11, server: 1 }] },
    { id: 20, isOpen: false, isLarge: false, committedEnd: 700, replicas: [{ id: 21, server: 1 }] },
  ],
  deletedVolumes: new Set([30]),
  droppedReplicas: new Set([22]),
}

it('takes in volumes that it does not know, each with the copies that are there', () => {
  const { volumes, replicas, toLookAt } = findStrangers(FACTS, [
    held(1, copy(10, 11), copy(20, 21), copy(40, 41)),
    held(2, copy(40, 42), copy(50, 51, { kind: 'large' })),
  ])
  expect(volumes).toMatchObject([{ id: 40 }, { id: 50, kind: 'large' }])
  expect(replicas).toMatchObject([
    { id: 41, volume: 40, server: 1 },
    { id: 42, volume: 40, server: 2, incarnation: 5 },
    { id: 51, volume: 50 },
  ])
  expect([...toLookAt], 'sealed ones have nothing that was acknowledged behind their ends').toEqual([
    [40, 0],
    [50, 0],
    [10, 500],
  ])
})

it('takes in copies that were made later of volumes that it knows, but not a second one on a server', () => {
  const { volumes, replicas } = findStrangers(FACTS, [held(1, copy(20, 23)), held(2, copy(20, 24))])
  expect(volumes).toEqual([])
  expect(replicas).toMatchObject([{ id: 24, volume: 20, server: 2 }])
})

it('leaves alone what was deleted and dropped', () => {
  const { volumes, replicas } = findStrangers(FACTS, [held(2, copy(30, 31), copy(20, 22))])
  expect([...volumes, ...replicas]).toEqual([])
})

it('knows that a copy on its way may lack anything, and makes no volume of it alone', () => {
  const being = { isBeingMade: true, sealedLength: 100 }
  const { volumes, replicas, sealedAt } = findStrangers(FACTS, [
    held(1, copy(40, 41)),
    held(2, copy(40, 42, being), copy(60, 61, being)),
  ])
  expect(volumes).toMatchObject([{ id: 40 }])
  expect(replicas).toMatchObject([{ isBeingMade: false }, { isBeingMade: true }])
  expect([...sealedAt]).toEqual([])
})

it('knows where a volume was sealed meanwhile', () => {
  const { sealedAt } = findStrangers(FACTS, [
    held(1, copy(10, 11, { sealedLength: 600 }), copy(20, 21, { sealedLength: 700 })),
    held(2, copy(40, 42), copy(10, 12)),
  ])
  expect([...sealedAt]).toEqual([[10, 600]])
})
