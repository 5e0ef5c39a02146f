import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CallProof } from '../src/http/call-proof.ts'
import { HmacSha256 } from '../src/http/hmac.ts'

const KEY = new Uint8Array(32).fill(7)
const CALL = { method: 'POST', path: '/v1/volumes/5/records', bodyBytes: 1048 }

describe('HmacSha256', () => {
  it("computes what Node's own HMAC does, call after call", () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), text, text, (key, first, second) => {
        const hmac = new HmacSha256(key, 1000)
        for (const message of [first, second]) {
          const expected = createHmac('sha256', key).update(message).digest('hex')
          expect(hmac.digest(message)?.toString('hex')).toBe(expected)
        }
      }),
      { numRuns: 50 },
    )
  })

  it('answers nothing for a message beyond its limit', () => {
    expect(new HmacSha256(KEY, 30).digest('x'.repeat(11))).toBeNull()
  })
})

describe('CallProof', () => {
  it('convinces another process with the same key, each time with another nonce', () => {
    const [signer, checker] = [new CallProof(KEY), new CallProof(KEY)]
    const [first, second] = [signer.sign(CALL), signer.sign(CALL)]
    expect(first).not.toBe(second)
    expect([first, second].map((proof) => checker.isValid(proof, CALL))).toEqual([true, true])
  })

  it.each([
    ['another method', { ...CALL, method: 'PUT' }],
    ['another path', { ...CALL, path: '/v1/volumes/6/records' }],
    ['another length', { ...CALL, bodyBytes: 1049 }],
  ])('does not vouch for %s', (_what, call) => {
    const proof = new CallProof(KEY)
    expect(proof.isValid(proof.sign(CALL), call)).toBe(false)
  })

  it('is worth nothing under another key', () => {
    const other = new CallProof(new Uint8Array(32).fill(8))
    expect(new CallProof(KEY).isValid(other.sign(CALL), CALL)).toBe(false)
  })

  it('refuses a changed nonce, version or MAC, and whatever else stands in the header', () => {
    const proof = new CallProof(KEY)
    const [version, nonce, mac] = proof.sign(CALL).split('.')
    const forged = [
      undefined,
      '',
      'v1',
      'v1..',
      `v2.${nonce}.${mac}`,
      `${version}.${nonce}x.${mac}`,
      `${version}.${nonce}.${mac!.slice(1)}`,
      `${version}.${nonce}.A${mac}`,
      `${version}.${nonce}.${mac}.more`,
    ]
    expect(forged.filter((header) => proof.isValid(header, CALL))).toEqual([])
  })

  it('takes no short key', () => {
    expect(() => new CallProof(new Uint8Array(16))).toThrow('32 bytes')
  })
})
