/** What stands beside a copy is believed only as it was written. */
import { crc32 } from 'node:zlib'
import { utf8 } from '@dfs/core'
import { expect, it } from 'vitest'
import {
  type CopyState,
  encodeCopyState,
  isBeingCopied,
  parseCopyState,
  type RetiredCopy,
} from '../src/index.ts'

const sum = (bytes: Uint8Array): number => crc32(bytes)
const STATE: CopyState = {
  formatVersion: 1,
  order: {
    volume: 77,
    kind: 'small',
    salt: '0123456789abcdef',
    primary: { server: 1, incarnation: 1 },
    replicas: [{ replica: 5, server: 1, incarnation: 1 }],
  },
  replica: 5,
  state: 'sealed',
  sealedLengthBytes: 1234,
  verifiedToBytes: 1234,
}

it('is refused with any bit turned, or for another volume', () => {
  const bytes = encodeCopyState(STATE, sum)
  expect(parseCopyState(bytes, 77, sum)).toEqual(STATE)
  expect(parseCopyState(bytes, 78, sum)).toBeNull()
  for (let bit = 0; bit < bytes.byteLength * 8; bit += 1) {
    const turned = bytes.slice()
    turned[bit >> 3]! ^= 1 << (bit & 7)
    expect(parseCopyState(turned, 77, sum), `bit ${bit}`).toBeNull()
  }
})

it('says that a copy is being removed, for that volume alone, and to no program that knows only the first form', () => {
  const retired: RetiredCopy = { formatVersion: 2, volume: 77, replica: 5, state: 'retired' }
  const bytes = encodeCopyState(retired, sum)
  expect(parseCopyState(bytes, 77, sum)).toEqual(retired)
  expect(parseCopyState(bytes, 78, sum)).toBeNull()
  const mixed = { ...STATE, state: 'retired' }
  expect(parseCopyState(utf8(JSON.stringify(mixed)), 77, sum)).toBeNull()
  for (let bit = 0; bit < bytes.byteLength * 8; bit += 1) {
    const turned = bytes.slice()
    turned[bit >> 3]! ^= 1 << (bit & 7)
    expect(parseCopyState(turned, 77, sum), `bit ${bit}`).toBeNull()
  }
})

it('says that a copy is being made from others, to no program that knows only the first form', () => {
  const copied: CopyState = { ...STATE, formatVersion: 2, origin: 'copied', verifiedToBytes: 0 }
  expect(parseCopyState(encodeCopyState(copied, sum), 77, sum)).toEqual(copied)
  const inTheFirstForm: CopyState = { ...copied, formatVersion: 1 }
  expect(parseCopyState(encodeCopyState(inTheFirstForm, sum), 77, sum)).toBeNull()
  const withoutOrigin: CopyState = { ...STATE, formatVersion: 2 }
  expect(parseCopyState(encodeCopyState(withoutOrigin, sum), 77, sum)).toBeNull()
  expect([STATE, copied, { ...copied, state: 'failed' as const }].map(isBeingCopied)).toEqual([
    false,
    true,
    false,
  ])
})

it('is taken without a checksum from an earlier program, if it has nothing else', () => {
  expect(parseCopyState(utf8(JSON.stringify(STATE)), 77, sum)).toEqual(STATE)
  expect(parseCopyState(utf8(JSON.stringify({ ...STATE, crc33: '00000000' })), 77, sum)).toBeNull()
})
