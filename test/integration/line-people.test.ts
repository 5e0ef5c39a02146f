/**
 * The release rule against what it was made for, on the real cluster: two interactive programs that read their socket
 * twice, on terminals, with a person's pauses. Python 3 and a system with pseudo-terminals are needed; without them the
 * tests are left out.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RealCluster, run } from './real-cluster.ts'
import { GatewayProcess } from './line/gateway-process.ts'

const PERSON = fileURLToPath(new URL('line/clients/person.py', import.meta.url))
const SESSIONS = Number(process.env['DFS_TEST_SESSIONS'] ?? 1)
const EVERYTHING = ['find', 'create', 'write', 'read', 'delete', 'read again', 'exit', 'end']
const WITHIN_MS = 120_000 + SESSIONS * 60_000

const hasPython = spawnSync('python3', ['-c', 'import pty']).status === 0
if (!hasPython) console.info('left out: the interactive clients, since python3 with pty is not here')

interface SessionResult {
  readonly program: string
  readonly shown: readonly string[]
  readonly screen: string
}

describe.runIf(hasPython)('two interactive programs at once', () => {
  let cluster: RealCluster

  beforeAll(async () => {
    cluster = await RealCluster.start()
  }, WITHIN_MS)
  afterAll(() => cluster.end(), WITHIN_MS)

  /** Both programs at once, `SESSIONS` times. */
  async function play(release: 'auto' | 'never'): Promise<SessionResult[]> {
    await using gateway = await GatewayProcess.start(cluster, { DFS_LINE_RELEASE: release })
    const { stdout } = await run(['python3', PERSON, String(gateway.masterPort), String(SESSIONS)])
    return JSON.parse(stdout) as SessionResult[]
  }

  it(
    'show every reply, time after time, and end, with the rule auto',
    async () => {
      const results = await play('auto')
      expect(results).toHaveLength(2 * SESSIONS)
      // The screen is compared with itself: a failure then shows it.
      for (const result of results) expect(result).toEqual({ ...result, shown: EVERYTHING })
    },
    WITHIN_MS,
  )

  it(
    'lose replies with the rule never: without that the test above would show nothing',
    async () => {
      const results = await play('never')
      expect(results.some(({ shown }) => shown.length < EVERYTHING.length)).toBe(true)
    },
    WITHIN_MS,
  )
})
