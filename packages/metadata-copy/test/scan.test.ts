import { crc32 } from 'node:zlib'
import { concatBytes } from '@dfs/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeFrames, type Frame, FrameScanner, type FramesEnd } from '../src/index.ts'
import { at, changes, wholeCopy } from './frames.ts'

/** Reads `bytes` in pieces that end at `cuts`. */
function scan(bytes: Uint8Array, cuts: readonly number[]): { frames: Frame[]; end: FramesEnd } {
  const scanner = new FrameScanner(crc32)
  const places = [
    0,
    ...cuts.filter((cut) => cut < bytes.byteLength).toSorted((a, b) => a - b),
    bytes.byteLength,
  ]
  const frames = places
    .slice(1)
    .flatMap((end, index) => [...scanner.push(bytes.subarray(places[index]!, end))])
  return { frames, end: scanner.finish() }
}

const placesOf = (frames: readonly Uint8Array[]): number[] => {
  const places = [0]
  for (const frame of frames) places.push(places.at(-1)! + frame.byteLength)
  return places
}

test('frames are the same, however the bytes come', async () => {
  const pieces = await wholeCopy()
  const bytes = concatBytes(pieces)
  const whole = decodeFrames(bytes, crc32)
  expect(whole.frames.map((frame) => frame.at)).toEqual(placesOf(pieces).slice(0, -1))
  expect(whole.frames.map((frame) => frame.bytes)).toEqual(pieces)
  expect(whole.end).toEqual({ kind: 'whole', at: bytes.byteLength, size: bytes.byteLength })
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: bytes.byteLength })), (cuts) => {
      expect(scan(bytes, cuts)).toEqual(whole)
    }),
  )
})

test('bytes that end anywhere are a torn tail, and all whole frames before it count', async () => {
  const pieces = await wholeCopy()
  const bytes = concatBytes(pieces)
  const places = placesOf(pieces)
  for (let size = 0; size <= bytes.byteLength; size += 1) {
    const before = places.filter((place) => place <= size)
    const { frames, end } = scan(bytes.subarray(0, size), [])
    expect(frames).toHaveLength(before.length - 1)
    const kind = before.at(-1) === size ? 'whole' : 'torn'
    expect(end, `${size} bytes`).toEqual({ kind, at: before.at(-1), size })
  }
})

test('a byte that is wrong is damage if anything whole stands behind its frame, and a torn tail if not', async () => {
  const pieces = await wholeCopy()
  const bytes = concatBytes(pieces)
  const places = placesOf(pieces)
  const lastAt = places.at(-2)!
  for (let place = 0; place < bytes.byteLength; place += 1) {
    bytes[place]! ^= 1 << (place & 7)
    const frameAt = places.findLast((start) => start <= place)!
    const kind = frameAt === lastAt ? 'torn' : 'damaged'
    for (const cuts of [[], [place], [frameAt + 128, place + 50, bytes.byteLength - 1]]) {
      const { frames, end } = scan(bytes, cuts)
      expect(end, `byte ${place}`).toEqual({ kind, at: frameAt, size: bytes.byteLength })
      expect(frames).toHaveLength(places.indexOf(frameAt))
    }
    bytes[place]! ^= 1 << (place & 7)
  }
})

test('what an interrupted write leaves is a torn tail: zeros, and halves of several frames', async () => {
  const pieces = await wholeCopy()
  const [bytes, places] = [concatBytes(pieces), placesOf(pieces)]
  const zeroed = bytes.slice().fill(0, places[4]! + 10)
  expect(scan(zeroed, [700]).end).toEqual({ kind: 'torn', at: places[4], size: bytes.byteLength })
  const halves = concatBytes([bytes.subarray(0, places[4]! + 135), bytes.subarray(places[5]!, -1)])
  expect(scan(halves, [700]).end).toEqual({ kind: 'torn', at: places[4], size: halves.byteLength })
})

test('a frame behind a torn one is found, also if it is inside of what the torn one says is its own', async () => {
  const long = await changes(at(20), at(21), 'x'.repeat(2000))
  const next = await changes(at(21), at(22), 'y')
  const bytes = concatBytes([long.subarray(0, 1000), next])
  expect(scan(bytes, []).end.kind, 'the end of the long one is not there').toBe('damaged')
  const more = concatBytes([bytes, await changes(at(22), at(23), 'z'.repeat(5000))])
  expect(scan(more, [1000, 3000]).end).toMatchObject({ kind: 'damaged', at: 0 })
})
