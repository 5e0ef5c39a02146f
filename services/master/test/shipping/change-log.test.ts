/** Frames that wait for holders: places, bounds, and what is not found any more. */
import { type Epoch } from '@dfs/protocol'
import { expect, it } from 'vitest'
import { ChangeLog } from '../../src/shipping/change-log.ts'

const at = (sequence: number, counter = 1): Epoch => ({ counter, nonce: 'ab'.repeat(8), sequence })

const frame = (from: number, to: number, bytes = 10) => ({
  from: at(from),
  to: at(to),
  bytes: new Uint8Array(bytes),
})

function logOf(...frames: ReturnType<typeof frame>[]): ChangeLog {
  const log = new ChangeLog(100)
  for (const each of frames) log.append(each)
  return log
}

it('finds the place of a position where a frame begins, and of the end', () => {
  const log = logOf(frame(5, 7), frame(7, 8), frame(8, 12))
  expect([5, 7, 8, 12].map((sequence) => log.placeOf(at(sequence)))).toEqual([0, 1, 2, 3])
  expect([4, 6, 13].map((sequence) => log.placeOf(at(sequence)))).toEqual([null, null, null])
  expect(log.placeOf(at(7, 2)), 'of another start').toBeNull()
})

it('hands out frames up to a size, and one at least', () => {
  const log = logOf(frame(0, 1, 30), frame(1, 2, 30), frame(2, 3, 30))
  expect(log.next(0, 60)).toHaveLength(2)
  expect(log.next(1, 1)).toHaveLength(1)
  expect(log.next(3, 60)).toEqual([])
})

it('knows how many bytes are behind a place', () => {
  const log = logOf(frame(1, 2), frame(2, 5), frame(5, 6))
  expect([0, 1, 3].map((place) => log.bytesFrom(place))).toEqual([30, 20, 0])
})

it('keeps places when the front is let go of', () => {
  const log = logOf(frame(0, 1), frame(1, 2), frame(2, 3))
  log.trim(2)
  expect(log.placeOf(at(1))).toBeNull()
  expect(log.placeOf(at(2))).toBe(2)
  expect(log.at(1)).toBeNull()
  log.trim(99)
  expect(log.placeOf(at(3))).toBe(3)
  expect(log.bytesFrom(0)).toBe(0)
})

it('lets go of the oldest beyond its bound, in whole frames', () => {
  const log = logOf(frame(0, 1, 60), frame(1, 2, 40))
  expect(log.bytesFrom(0)).toBe(100)
  log.append(frame(2, 3, 1))
  expect(log.placeOf(at(0))).toBeNull()
  expect(log.placeOf(at(1))).toBe(1)
  expect(log.bytesFrom(0)).toBe(41)
})

it('gives no place from before where it began anew', () => {
  const log = logOf(frame(0, 1), frame(1, 2))
  log.restart(at(9))
  expect(log.placeOf(at(2))).toBeNull()
  expect(log.placeOf(at(9))).toBe(3)
  log.append(frame(9, 10))
  expect(log.at(2)).toBeNull()
  expect(log.at(3)?.to).toEqual(at(10))
})

it('hands out nothing behind a position where it is held, and lets go of nothing', () => {
  const log = logOf(frame(0, 1), frame(1, 2), frame(2, 3))
  log.hold(at(2))
  expect(log.next(0, 100)).toHaveLength(2)
  expect(log.next(2, 100)).toEqual([])
  log.trim(3)
  expect(log.placeOf(at(2))).toBe(2)
  log.release()
  expect(log.next(2, 100)).toHaveLength(1)
})
