import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BodyReader } from '../src/writing/body-reader.ts'

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

test('a hurried reader returns what it has, and loses nothing of what was already on its way', async () => {
  const pending = Promise.withResolvers<Uint8Array | null>()
  const pieces = [Uint8Array.of(1, 2), null]
  let isFirst = true
  const reader = new BodyReader({
    next: () => {
      if (pieces.length > 1) return Promise.resolve(pieces.shift()!)
      if (!isFirst) return Promise.resolve(null)
      isFirst = false
      return pending.promise
    },
  })
  const hurry = Promise.withResolvers<void>()
  const hurried = reader.read(100, hurry.promise)
  hurry.resolve()
  expect(await hurried).toEqual({ pieces: [Uint8Array.of(1, 2)], length: 2, isLast: false })
  const rest = reader.read(100)
  pending.resolve(Uint8Array.of(3))
  expect(await rest).toEqual({ pieces: [Uint8Array.of(3)], length: 1, isLast: true })
})
