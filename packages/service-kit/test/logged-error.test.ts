/** A peer that is away is one short line; a bug is all that is known of it. */
import { InvariantError, TransportError } from '@dfs/core'
import { DfsError } from '@dfs/protocol'
import { expect, test } from 'vitest'
import { loggedError } from '../src/logged-error.ts'

const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:7170'), { code: 'ECONNREFUSED' })
const away = new TransportError('the master cannot be reached', { cause: refused, wasSent: false })

test('expected errors have no stack, and neither have their causes', () => {
  const error = new DfsError('UNAVAILABLE', 'no volume', { cause: away })
  const logged = loggedError(error)
  expect(logged).toMatchObject({
    code: 'UNAVAILABLE',
    cause: { type: 'TransportError', cause: { code: 'ECONNREFUSED', message: refused.message } },
  })
  expect(JSON.stringify(logged)).not.toContain('.test.ts')
})

test('bugs have theirs, also behind an expected error', () => {
  const bug = new InvariantError('this cannot be')
  const behind = new TransportError('it ended', { cause: bug, wasSent: true })
  for (const error of [bug, behind, new DfsError('INTERNAL', 'a bug')]) {
    expect(JSON.stringify(loggedError(error))).toContain('logged-error.test.ts')
  }
})
