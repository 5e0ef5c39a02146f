/**
 * The release rule against what it was made for: two interactive programs that read their socket twice, on terminals, with
 * a person's pauses. Python 3 and a system with pseudo-terminals are needed; without them the tests are left out.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type ReleaseRule } from '../src/index.ts'
import { makeTcpStage } from './support/tcp-client.ts'

const PERSON = fileURLToPath(new URL('clients/person.py', import.meta.url))
const SESSIONS = Number(process.env['DFS_TEST_SESSIONS'] ?? 1)
const EVERYTHING = ['find', 'create', 'write', 'read', 'delete', 'read again', 'exit', 'end']
const TIME_LIMIT_MS = 20_000 + SESSIONS * 40_000

const hasPython = spawnSync('python3', ['-c', 'import pty']).status === 0
if (!hasPython) console.info('left out: the interactive clients, since python3 with pty is not here')

interface SessionResult {
  readonly program: string
  readonly shown: readonly string[]
  readonly screen: string
}

/** Both programs at once, `SESSIONS` times. */
async function play(release: ReleaseRule): Promise<SessionResult[]> {
  await using stage = await makeTcpStage({ release })
  const person = spawn('python3', [PERSON, String(stage.ports.master), String(SESSIONS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output] = await Promise.all([text(person.stdout), once(person, 'exit')])
  return JSON.parse(output) as SessionResult[]
}

describe.runIf(hasPython)('two interactive programs at once', () => {
  it(
    'show every reply, time after time, and end, with the rule auto',
    async () => {
      const results = await play('auto')
      expect(results).toHaveLength(2 * SESSIONS)
      // The screen is compared with itself: a failure then shows it.
      for (const result of results) expect(result).toEqual({ ...result, shown: EVERYTHING })
    },
    TIME_LIMIT_MS,
  )

  it(
    'lose replies with the rule never: without that the test above would show nothing',
    async () => {
      const results = await play('never')
      expect(results.some(({ shown }) => shown.length < EVERYTHING.length)).toBe(true)
    },
    TIME_LIMIT_MS,
  )
})
