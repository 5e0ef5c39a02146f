/** Which error of the catalogue stands for which mistake; part of the REST contract ({@link restContract}). */
import { Problem } from '@dfs/protocol'
import { Value } from 'typebox/value'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Asked, type RestCaller } from './rest-caller.ts'

interface Row {
  readonly call: string
  readonly refusal: string
  readonly asked?: Asked
}

const move = (from: string, to: string): Asked => ({ json: { from: `/no/${from}`, to: `/no/${to}` } })

/** In a tree of `/no/dir/file`, `/no/dir2`, `/no/file` and `/no/link`. */
const ROWS: readonly Row[] = [
  { call: 'PUT files/no/dir', refusal: '409 IS_A_DIRECTORY' },
  { call: 'PUT files/no/link', refusal: '409 IS_A_LINK' },
  { call: 'PUT files/no/file/below', refusal: '409 NOT_A_DIRECTORY' },
  { call: 'POST files/no/file', refusal: '409 FILE_EXISTS' },
  { call: 'POST files/no/dir', refusal: '409 FILE_EXISTS' },
  { call: 'POST files/no/link', refusal: '409 FILE_EXISTS' },
  { call: 'GET files/no/none', refusal: '404 FILE_NOT_FOUND' },
  { call: 'GET files/no/dir', refusal: '409 IS_A_DIRECTORY' },
  { call: 'GET files/no/link', refusal: '409 IS_A_LINK' },
  { call: 'GET files/no/file/below', refusal: '409 NOT_A_DIRECTORY' },
  { call: 'GET files/no/link/below', refusal: '409 NOT_A_DIRECTORY' },
  { call: 'GET files/no/../dir', refusal: '400 INVALID_PATH' },
  { call: 'DELETE files/no/none', refusal: '404 FILE_NOT_FOUND' },
  { call: 'DELETE files/no/dir', refusal: '409 IS_A_DIRECTORY' },
  { call: 'GET entries/no/none', refusal: '404 FILE_NOT_FOUND' },
  { call: 'GET entries/no/file/below', refusal: '409 NOT_A_DIRECTORY' },
  { call: 'GET links/no/file', refusal: '409 NOT_A_LINK' },
  { call: 'GET links/no/none', refusal: '404 FILE_NOT_FOUND' },
  { call: 'PUT links/no/file', refusal: '409 FILE_EXISTS', asked: { json: { target: 'x' } } },
  { call: 'PUT links/no/dir', refusal: '409 IS_A_DIRECTORY', asked: { json: { target: 'x' } } },
  { call: 'GET directories/no/none', refusal: '404 DIRECTORY_NOT_FOUND' },
  { call: 'GET directories/no/file', refusal: '409 NOT_A_DIRECTORY' },
  { call: 'PUT directories/no/file', refusal: '409 FILE_EXISTS' },
  { call: 'PUT directories/no/file/below', refusal: '409 NOT_A_DIRECTORY' },
  { call: 'DELETE directories/no/none', refusal: '404 DIRECTORY_NOT_FOUND' },
  { call: 'DELETE directories/no/file', refusal: '409 NOT_A_DIRECTORY' },
  { call: 'DELETE directories/', refusal: '400 INVALID_PATH' },
  { call: 'DELETE directories/no/dir', refusal: '409 DIRECTORY_NOT_EMPTY' },
  { call: 'POST moves', refusal: '404 FILE_NOT_FOUND', asked: move('none', 'x') },
  { call: 'POST moves', refusal: '409 IS_A_DIRECTORY', asked: move('file', 'dir2') },
  { call: 'POST moves', refusal: '409 MOVE_INTO_ITSELF', asked: move('dir', 'dir/dir') },
  { call: 'POST moves', refusal: '409 NOT_A_DIRECTORY', asked: move('dir', 'file/below') },
  { call: 'POST moves', refusal: '409 NOT_A_DIRECTORY', asked: move('dir', 'file') },
  { call: 'POST moves', refusal: '404 DIRECTORY_NOT_FOUND', asked: move('file', 'none/x') },
  { call: 'GET nothing/of/this/kind', refusal: '404 ROUTE_NOT_FOUND' },
]

export function refusalsContract(make: () => RestCaller): void {
  describe('refuses', () => {
    beforeAll(async () => {
      const caller = make()
      for (const path of ['dir/file', 'file']) await caller.say('PUT', `/v1/files/no/${path}`, { body: '' })
      await caller.say('PUT', '/v1/directories/no/dir2')
      await caller.say('PUT', '/v1/links/no/link', { json: { target: 'dir' } })
    })

    it.each(ROWS)('$call with $refusal', async ({ call, refusal, asked }) => {
      const [method, target] = call.split(' ') as ['GET', string]
      const caller = make()
      const reply = await caller.say(method, `/v1/${target}`, asked)
      expect(`${reply.status} ${String(reply.at('code'))}`).toBe(refusal)
      expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/)
      expect(Value.Errors(Problem, reply.body)).toEqual([])
    })
  })
}
