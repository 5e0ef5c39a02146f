/** What is written must be what is read: a field that one side forgets breaks every call. */
import { concatBytes } from '@dfs/core'
import { expect, it } from 'vitest'
import {
  appendRecords,
  type Command,
  commits,
  failure,
  type FilePath,
  type Method,
  readBytes,
  UNCONDITIONAL,
} from '../src/index.ts'

const overTheWire = <Q, P>(method: Method<Q, P>, request: Q): Q => {
  const { params, body } = method.encodeRequest(request)
  return method.decodeRequest(params, [concatBytes(body)])
}

const id = { server: 2 ** 40, incarnation: 3, number: 4 }
const upload = { ...id, number: 5 }
const chunk = { volume: 2 ** 41, offset: 6, recordSize: 7, length: 8, crc32: 0xffffffff, copies: 3 }
const precondition = { ifMatch: [9], ifNoneMatch: '*', mustCreate: true } as const
const what = { contentType: 'text/plain', executable: true, crc32: 10, sha256: new Uint8Array(32).fill(1) }
const path = '/é/b' as FilePath

it.each<Command>([
  { kind: 'write', id, path, precondition, ...what, size: 8, chunk, upload: null },
  { kind: 'write', id, path, precondition, ...what, sha256: null, size: 2 ** 43, chunk: null, upload },
  { kind: 'write', id, path, precondition, ...what, size: 8, chunk, upload: null, key: 'é 1' },
  {
    kind: 'write',
    id,
    path,
    precondition,
    ...what,
    size: 8,
    chunk,
    upload: null,
    ticket: { epoch: 3, number: 9 },
  },
  {
    kind: 'write',
    id,
    path,
    precondition: { ...UNCONDITIONAL, unmodifiedSinceMs: 0 },
    ...what,
    size: 8,
    chunk,
    upload: null,
  },
  { kind: 'delete', id, path, precondition, key: '1' },
  { kind: 'resolve', id },
  { kind: 'stage', id, upload, start: 2 ** 43, chunk },
  { kind: 'abandon', id, upload },
  { kind: 'move', id, from: path, to: '/c' as FilePath },
])('a command of kind $kind arrives as it was sent', (command) => {
  const request = { server: 2 ** 40, incarnation: 3, watermark: 1, commands: [command, command] }
  expect(overTheWire(commits, request)).toEqual(request)
})

it('results of commands arrive as they were sent', () => {
  const epoch = { counter: 1, nonce: '0123456789abcdef', sequence: 2 }
  const success = { ok: true, operation: 2 ** 33, entry: 2 ** 34, decidedMs: 1_700_000_000_000 } as const
  const fresh = [{ ...success, created: true, copies: 3, zones: 2 }, failure('FILE_EXISTS', 'é')]
  const results = [...fresh, ...fresh.map((result) => ({ ...result, isReplay: true }))]
  const reply = { epoch, results }
  expect(commits.decodeReply(commits.encodeReply(reply))).toEqual(reply)
})

it('records and reads arrive as they were sent', () => {
  const bytes = [Uint8Array.of(1, 2, 3)]
  const append = { volume: 2 ** 41, server: 1, incarnation: 2, offset: 3, crc32: 0xdeadbeef, bytes }
  expect(overTheWire(appendRecords, append)).toEqual(append)
  const read = { volume: 2 ** 41, offset: 5, size: 6 }
  expect(overTheWire(readBytes, read)).toEqual(read)
})
