import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BodyReader } from '../src/files/body-reader.ts'

const sourceOf = (pieces: Uint8Array[]) => ({ next: async () => pieces.shift() ?? null })

test('parts are as long as asked, in order, without a byte lost or doubled, and the end is noticed with the last byte', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 20 }),
      fc.integer({ min: 1, max: 50 }),
      async (pieces, partBytes) => {
        const whole = Buffer.concat(pieces)
        const reader = new BodyReader(sourceOf([...pieces]))
        const parts: Buffer[] = []
        for (;;) {
          const part = await reader.read(partBytes)
          parts.push(Buffer.concat(part.pieces))
          expect(part.length).toBe(parts.at(-1)!.length)
          if (part.isLast) break
          expect(part.length).toBe(partBytes)
        }
        expect(Buffer.concat(parts)).toEqual(whole)
        expect(parts).toHaveLength(Math.max(1, Math.ceil(whole.length / partBytes)))
      },
    ),
  )
})
