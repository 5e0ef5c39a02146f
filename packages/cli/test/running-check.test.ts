/** What the check of a running cluster calls clean: only that every byte of every promised copy was seen. */
import { type DfsClient } from '@dfs/client'
import { pausingClock } from '@dfs/client/testing'
import {
  type CopyCheck,
  type CopyCounts,
  type HealthCode,
  healthReason,
  healthView,
  type HealthView,
  unseenHealth,
} from '@dfs/protocol'
import { describe, expect, it } from 'vitest'
import { type Context } from '../src/command.ts'
import { checkRunning, type RunningCheck, textOfRunning } from '../src/running-check.ts'

type CheckedServer = CopyCheck['servers'][number]

const done = (server: number, changes: Partial<CheckedServer> = {}): CheckedServer => ({
  server,
  name: `chunk-${server}`,
  state: 'done',
  copies: 4,
  bytesDone: 1024,
  bytesTotal: 1024,
  damagedRanges: 0,
  ...changes,
})

const counted = (copies: number, isEstimate = false): CopyCounts => ({
  wanted: 3,
  isEstimate,
  byCopies: [{ copies, volumes: 1, files: 5, bytes: 1024 }],
})

const WELL = healthView([], { counts: counted(3), atMs: 1 })

/** The last view is what it stays with. */
async function run(
  servers: CheckedServer[],
  ...views: HealthView[]
): Promise<RunningCheck & { text: string }> {
  const check: CopyCheck = { id: 1, startedMs: 1, isDone: true, servers }
  const health = async (): Promise<HealthView> => (views.length > 1 ? views.shift()! : views[0]!)
  const client: Partial<DfsClient> = { startCheck: async () => check, health }
  const found = await checkRunning({ client, clock: pausingClock() } as unknown as Context)
  return { ...found, text: textOfRunning(found, (name) => name) }
}

const three = [done(1), done(2), done(3)]

it('is clean where every server has read all, and every copy is there', async () => {
  const { isClean, text } = await run(three, WELL)
  expect(isClean).toBe(true)
  expect(text.split('\n').at(-1)).toBe('No damage was found.')
})

it('is clean with the record of a disk that was replaced, of which nothing is missing', async () => {
  expect((await run([...three, done(4, { state: 'unreachable' })], WELL)).isClean).toBe(true)
})

it('tells of damage, mended or not', async () => {
  const { isClean, text } = await run([done(1, { damagedRanges: 2 }), done(2), done(3)], WELL)
  expect(isClean).toBe(false)
  expect(text).toContain('2 ranges damaged; mended if another copy is right')
  expect(text).not.toContain('No damage')
})

describe('is not clean', () => {
  const codes: HealthCode[] = [
    'files-lost',
    'files-not-seen',
    'files-damaged',
    'files-short',
    'server-gone',
    'server-silent',
    'server-not-heard',
    'verifying',
    'copies-damaged',
  ]

  it.each(codes)('where the health says %s, in its words', async (code) => {
    const reason = healthReason(code, { state: 'degraded', text: 'so it is' })
    const { isClean, text } = await run(three, healthView([reason], { counts: counted(3), atMs: 1 }))
    expect(isClean).toBe(false)
    expect(text).toContain(`${code}: so it is\n  ${reason.next}`)
    expect(text).not.toContain('No damage')
  })

  it('if the counts are an estimate', async () => {
    const { isClean, text } = await run(three, healthView([], { counts: counted(3, true), atMs: 1 }))
    expect(isClean).toBe(false)
    expect(text.split('\n').at(-1)).toContain('Not every copy that was promised was seen')
  })

  it('where nobody can say what is missing', async () => {
    for (const code of ['program-outdated', 'master-unreachable'] as const) {
      const { isClean, text } = await run(three, unseenHealth(code, { state: 'unknown', text: 'old' }, 1))
      expect([isClean, text.includes('No damage')]).toEqual([false, false])
    }
  })
})

it.each(['server-full', 'files-narrow'] as const)(
  'takes no notice of %s: no promise was broken',
  async (code) => {
    const reason = healthReason(code, { state: 'degraded', text: 'so it is' })
    expect((await run(three, healthView([reason], { counts: counted(2), atMs: 1 }))).isClean).toBe(true)
  },
)

it('waits for copies that are being verified', async () => {
  const reason = healthReason('verifying', { state: 'degraded', text: 'being read' })
  const verifying = healthView([reason], { counts: counted(2), atMs: 1 })
  expect((await run(three, verifying, verifying, WELL)).isClean).toBe(true)
})
