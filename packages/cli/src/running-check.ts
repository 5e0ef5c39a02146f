/**
 * The check of a cluster that runs: every server reads every block that it has, and what it has not is asked of the master's
 * books. That nothing is wrong is said only if every byte of every copy that was promised was seen.
 */
import { type CopyCheck, DfsError, type HealthReason, type HealthView } from '@dfs/protocol'
import { type Context } from './command.ts'
import { columns, formatBytes, formatCount, type Shown } from './text.ts'

const ASK_EVERY_MS = 1000
/** Longer than a server may be silent until it counts as gone. */
const SETTLES_WITHIN_MS = 60_000

export interface RunningCheck {
  readonly check: CopyCheck
  readonly health: HealthView
  readonly isClean: boolean
}

/** Rejects if the master has forgotten the check meanwhile. */
export async function checkRunning({ client, clock, progress, signal }: Context): Promise<RunningCheck> {
  let check = await client.startCheck({ signal })
  const { id } = check
  let shownBytes = 0
  while (!check.isDone) {
    await clock.sleep(ASK_EVERY_MS, signal)
    const now = await client.check({ signal })
    // The master has started anew, or somebody has begun another check after this one.
    if (now?.id !== id)
      throw new DfsError('UNAVAILABLE', 'the master has forgotten the check: start it again')
    check = now
    progress.expect(sum(check, 'bytesTotal'))
    progress.addBytes(sum(check, 'bytesDone') - shownBytes)
    shownBytes = sum(check, 'bytesDone')
  }
  const health = await settled({ client, clock, signal })
  const isClean = sum(check, 'damagedRanges') === 0 && missingIn(health).length === 0 && isSeen(health)
  return { check, health, isClean }
}

/** The health, if it comes to rest within a while: a copy may have been read just now, and its server have to say so still. */
async function settled({
  client,
  clock,
  signal,
}: Pick<Context, 'client' | 'clock' | 'signal'>): Promise<HealthView> {
  const endMs = clock.monotonicMs() + SETTLES_WITHIN_MS
  for (;;) {
    const health = await client.health({ signal })
    const isResting = !health.reasons.some(({ code }) => PASSING.has(code))
    if (isResting || clock.monotonicMs() >= endMs) return health
    await clock.sleep(ASK_EVERY_MS, signal)
  }
}

/** Reasons that go by themselves. */
const PASSING: ReadonlySet<string> = new Set([
  'verifying',
  'copies-damaged',
  'server-silent',
  'server-not-heard',
])

/** What the check itself cannot see: copies that are not there, and whose they were. */
const MISSING: ReadonlySet<string> = new Set([
  'files-lost',
  'files-not-seen',
  'files-damaged',
  'files-short',
  'server-gone',
  'server-silent',
  'server-not-heard',
  'verifying',
  'copies-damaged',
  'master-unreachable',
  'program-outdated',
])

const missingIn = ({ reasons }: HealthView): HealthReason[] => reasons.filter(({ code }) => MISSING.has(code))

/** Whether every server has said what it has. */
const isSeen = ({ counts }: HealthView): boolean => counts !== null && !counts.isEstimate

const sum = ({ servers }: CopyCheck, name: 'bytesDone' | 'bytesTotal' | 'damagedRanges'): number =>
  servers.reduce((total, server) => total + server[name], 0)

export function textOfRunning({ check, health, isClean }: RunningCheck, shown: Shown): string {
  const rows = check.servers.map(({ name, state, copies, bytesDone, damagedRanges }) => [
    shown(name),
    state === 'done' ? 'read' : state,
    String(copies),
    formatBytes(bytesDone),
    String(damagedRanges),
  ])
  const table = columns([['server', 'state', 'copies', 'read', 'damaged'], ...rows])
  if (isClean) return `${table}\nNo damage was found.`
  const damaged = sum(check, 'damagedRanges')
  const lines = missingIn(health).map(({ code, text, next }) => `${code}: ${shown(text)}\n  ${shown(next)}`)
  if (damaged > 0) {
    lines.unshift(
      `${formatCount(damaged, 'range')} damaged; mended if another copy is right: see "dfs status" and the logs.`,
    )
  }
  if (lines.length === 0) lines.push('Not every copy that was promised was seen: see "dfs status".')
  return [table, ...lines].join('\n')
}
