import { ByteReader, ByteWriter, concatBytes, MalformedError, utf8 } from '@dfs/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const wellFormed = fc.string({ unit: 'binary' })
const value = fc.oneof(
  fc.record({ kind: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }),
  fc.record({ kind: fc.constant('integer' as const), value: fc.maxSafeInteger() }),
  fc.record({ kind: fc.constant('text' as const), value: fc.option(wellFormed) }),
  fc.record({ kind: fc.constant('bytes' as const), value: fc.option(fc.uint8Array()) }),
)
type Value = typeof value extends fc.Arbitrary<infer T> ? T : never

function write(values: readonly Value[], sizeHint: number): Uint8Array {
  const writer = new ByteWriter(sizeHint)
  for (const { kind, value: given } of values) (writer[kind] as (given: unknown) => void).call(writer, given)
  return writer.finish()
}

const read = (values: readonly Value[], bytes: Uint8Array): unknown[] => {
  const reader = new ByteReader(bytes)
  const result = values.map(({ kind }) => reader[kind]())
  expect(reader.isAtEnd).toBe(true)
  return result
}

describe('ByteWriter and ByteReader', () => {
  it('give back what was written, wherever the message lies in its buffer', () => {
    fc.assert(
      fc.property(fc.array(value), fc.nat(64), fc.nat(16), (values, sizeHint, offset) => {
        const bytes = write(values, sizeHint)
        const around = new Uint8Array(offset + bytes.byteLength + 3).fill(170)
        around.set(bytes, offset)
        const again = read(values, around.subarray(offset, offset + bytes.byteLength))
        expect(again).toEqual(values.map((entry) => (Object.is(entry.value, -0) ? 0 : entry.value)))
      }),
    )
  })

  it('find out every message that was cut short', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1 }), fc.nat(), (values, cut) => {
        const bytes = write(values, 16)
        const short = bytes.subarray(0, cut % bytes.byteLength)
        expect(() => read(values, short)).toThrow(MalformedError)
      }),
    )
  })

  it('refuse what is not UTF-8, not an integer, or null where text must be', () => {
    const text = new ByteWriter().bytes(new Uint8Array([0xff])).finish()
    expect(() => new ByteReader(text).text()).toThrow(MalformedError)
    const fraction = new Uint8Array(new Float64Array([0.5]).buffer)
    expect(() => new ByteReader(fraction).integer()).toThrow(MalformedError)
    const none = new ByteWriter().text(null).finish()
    expect(() => new ByteReader(none).string()).toThrow(MalformedError)
    expect(() => new ByteWriter().integer(2 ** 53)).toThrow('safe integer')
  })

  it('leaves the rest as a view', () => {
    const reader = new ByteReader(utf8('abc'))
    reader.u8()
    expect(reader.rest()).toEqual(utf8('bc'))
    expect(reader.isAtEnd).toBe(true)
  })
})

describe('concatBytes', () => {
  it('joins in order and copies nothing if there is one piece', () => {
    const piece = utf8('one')
    expect(concatBytes([piece])).toBe(piece)
    expect(concatBytes([piece, utf8(''), utf8('two')])).toEqual(utf8('onetwo'))
    expect(concatBytes([])).toHaveLength(0)
  })
})
