import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { combineCrc32 } from '../src/index.ts'

test('the checksum of two pieces together follows from theirs', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (a, b) => {
      expect(combineCrc32(crc32(a), crc32(b), b.byteLength)).toBe(crc32(Buffer.concat([a, b])))
    }),
  )
})

test('lengths beyond 32 bits keep their upper part', () => {
  // Appending zero bytes twice is appending their sum, also if the sum passes 2^32.
  const zerosCrc = (crc: number, length: number) => combineCrc32(crc, 0, length)
  expect(zerosCrc(zerosCrc(0x1234_5678, 2 ** 31), 2 ** 33)).toBe(zerosCrc(0x1234_5678, 2 ** 31 + 2 ** 33))
  expect(zerosCrc(1, 2 ** 33)).not.toBe(zerosCrc(1, 0))
})
