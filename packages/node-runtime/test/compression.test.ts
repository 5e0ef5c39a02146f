import { MalformedError, utf8 } from '@dfs/core'
import { expect, test } from 'vitest'
import { zstd } from '../src/index.ts'

const TEXT = utf8('all that is said twice, '.repeat(100))

test('what is compressed is shorter, and comes back', async () => {
  const stored = await zstd.compress(TEXT)
  expect(stored.byteLength).toBeLessThan(100)
  // By the format of Zstandard (RFC 8878): other programs read it.
  expect(stored.subarray(0, 4).toHex()).toBe('28b52ffd')
  expect(new Uint8Array(await zstd.decompress(stored, TEXT.byteLength))).toEqual(TEXT)
})

test('what would be longer than it may be is refused, and so is what is none', async () => {
  const stored = await zstd.compress(TEXT)
  await expect(zstd.decompress(stored, TEXT.byteLength - 1)).rejects.toThrow(MalformedError)
  await expect(zstd.decompress(stored.subarray(0, -5), TEXT.byteLength)).rejects.toThrow(MalformedError)
  await expect(zstd.decompress(utf8('no frame'), 100)).rejects.toThrow(MalformedError)
})
