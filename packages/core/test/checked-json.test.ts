/** A small file that was changed by anybody but its writer is told from one that was not. */
import { crc32 } from 'node:zlib'
import { expect, it } from 'vitest'
import { decodeCheckedJson, encodeCheckedJson, fromUtf8, utf8 } from '../src/index.ts'

const sum = (bytes: Uint8Array): number => crc32(bytes)
const VALUE = { formatVersion: 1, name: 'grün "} ,', length: 123_456, nested: { none: null } }

it('gives back what was written, which is JSON for everybody else too', () => {
  const bytes = encodeCheckedJson(VALUE, sum)
  expect(decodeCheckedJson(bytes, sum)).toEqual(VALUE)
  expect(JSON.parse(fromUtf8(bytes))).toMatchObject(VALUE)
})

it('notices every bit that has turned, and every end that is missing', () => {
  const bytes = encodeCheckedJson(VALUE, sum)
  for (let bit = 0; bit < bytes.byteLength * 8; bit += 1) {
    const turned = bytes.slice()
    turned[bit >> 3]! ^= 1 << (bit & 7)
    expect(decodeCheckedJson(turned, sum), `bit ${bit}`).toBeUndefined()
  }
  for (let length = 0; length < bytes.byteLength; length += 1) {
    expect(decodeCheckedJson(bytes.subarray(0, length), sum), `${length} bytes`).toBeUndefined()
  }
})

it('takes nothing that has no sum', () => {
  expect(decodeCheckedJson(utf8(JSON.stringify(VALUE)), sum)).toBeUndefined()
})
