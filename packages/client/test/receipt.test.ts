/** The field `Durability` as servers of every age write it, and others might. */
import { expect, test } from 'vitest'
import { parseDurability } from '../src/index.ts'

test.each([
  [
    'copies=3, fsynced=3, zones=1, crc32=:NhCmhg==:',
    { copies: 3, fsynced: 3, zones: 1, crc32: '3610a686', firstChunks: null },
  ],
  [
    'copies=2;first-chunks=64, fsynced=2, zones=1, crc32=:NhCmhg==:',
    { copies: 2, fsynced: 2, zones: 1, crc32: '3610a686', firstChunks: 64 },
  ],
  [
    'copies=0 ; other;first-chunks=7;more=1 ,zones=0',
    { copies: 0, fsynced: 0, zones: 0, crc32: null, firstChunks: 7 },
  ],
  [
    'copies=1;first-chunks=x, fsynced=1;first-chunks=9',
    { copies: 1, fsynced: 1, zones: 0, crc32: null, firstChunks: null },
  ],
  ['copies=-1', null],
  ['fsynced=3', null],
  [undefined, null],
])('%s', (value, expected) => {
  expect(parseDurability(value)).toEqual(expected)
})
