/** Files, bytes and volumes by number of good copies, compared with a count of each file by itself. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type ReplicaState } from '../../../src/domain/metadata/codes.ts'
import { gradeOfVolume, weaker } from '../../../src/domain/health/condition.ts'
import { copyCountsOf, CopyTally } from '../../../src/domain/health/copy-tally.ts'
import { type Volume } from '../../../src/domain/metadata/volume.ts'
import { SeenServers } from '../../../src/domain/health/seen-servers.ts'
import { dead, notHeard, server, volumeWith, wholeOn } from './books-of-copies.ts'

const WANTED = 3

function countsOf(seen: SeenServers, volumes: readonly Volume[], spanning: Volume[][] = []) {
  const tally = new CopyTally(seen, WANTED)
  const grades = new Map(volumes.map((volume) => [volume, tally.addVolume(volume)]))
  for (const each of spanning) tally.addSpanning(each.map((volume) => grades.get(volume)!))
  return copyCountsOf(tally.result(), false).byCopies
}

const row = (copies: number, volumes: number, files: number, bytes: number) => ({
  copies,
  volumes,
  files,
  bytes,
})

it('counts by good copies, the most first, and leaves out what holds nothing', () => {
  const seen = new SeenServers([server(1), server(2), dead(3)])
  const volumes = [
    wholeOn(1, 2),
    wholeOn(1, 2, 3),
    volumeWith([{ server: 3, state: 'inSync' }], { files: 5, bytes: 70 }),
    volumeWith([{ server: 3, state: 'inSync' }], { files: 0 }),
  ]
  expect(countsOf(seen, volumes)).toEqual([row(2, 2, 2, 200), row(0, 1, 5, 70)])
})

it('counts a content that lies in several volumes once, where its weakest one does', () => {
  const seen = new SeenServers([server(1), server(2), server(3), dead(4)])
  const [whole, short, lost] = [wholeOn(1, 2, 3), wholeOn(1, 2, 4), wholeOn(4)]
  expect(countsOf(seen, [whole, short, lost], [[whole, short]])).toEqual([
    row(3, 1, 0, 100),
    row(2, 1, 1, 100),
    row(0, 1, 1, 100),
  ])
  expect(countsOf(seen, [whole, short, lost], [[whole, short, lost]])).toEqual([
    row(3, 1, 0, 100),
    row(2, 1, 0, 100),
    row(0, 1, 1, 100),
  ])
})

it('is what counting each file by itself gives', () => {
  const states: ReplicaState[] = ['open', 'unverified', 'inSync', 'damaged', 'lost']
  const copy = fc.record({ server: fc.integer({ min: 1, max: 5 }), state: fc.constantFrom(...states) })
  const sets = fc.array(fc.uniqueArray(copy, { maxLength: 4, selector: ({ server: id }) => id }), {
    minLength: 1,
    maxLength: 6,
  })
  // Each file lies in these of the volumes.
  const files = fc.array(fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 4 }), { maxLength: 12 })
  const seen = new SeenServers([server(1), server(2), dead(3), notHeard(4), server(5, { incarnation: 8 })])
  fc.assert(
    fc.property(sets, files, (copiesOf, placed) => {
      const lies = placed.map((in_) => [...new Set(in_.map((at) => at % copiesOf.length))])
      const volumes = copiesOf.map((copies, at) =>
        volumeWith(copies, { files: lies.filter((each) => each.includes(at)).length }),
      )
      const grade = (at: number) => gradeOfVolume(volumes[at]!, seen, WANTED)
      const expected = new Map<number, number>()
      for (const each of lies) {
        const { good } = each.map(grade).reduce(weaker)
        expected.set(good, (expected.get(good) ?? 0) + 1)
      }
      const spanning = lies.filter((each) => each.length > 1).map((each) => each.map((at) => volumes[at]!))
      const counted = countsOf(seen, volumes, spanning).filter(({ files: count }) => count > 0)
      expect(new Map(counted.map(({ copies, files: count }) => [copies, count]))).toEqual(
        new Map([...expected].toSorted(([a], [b]) => b - a)),
      )
    }),
  )
})
