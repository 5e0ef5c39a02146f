/**
 * The master's directory is destroyed under load, and the cluster goes on elsewhere: on another directory and other ports, from what
 * chunk servers hold of the metadata, or from a backup that was made in between. Every file that was acknowledged, and not overwritten
 * or deleted since, is readable with its bytes, or named in the report and below /lost+found; and the check of the whole finds nothing.
 * Where commits wait for the copies, every change that was acknowledged is there.
 */
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SERVICE_PROGRAMS } from '../../scripts/cluster/programs.ts'
import { clock, MixedCluster } from '../upgrade/mixed-cluster.ts'
import { findWanted, MetadataLoad, thereOf } from './metadata-load.ts'
import { type ProgramEnd, run } from './real-cluster.ts'

const DFS = join(import.meta.dirname, '../../packages/cli/bin/dfs.cjs')
/** Writes that are acknowledged before the master is gone; of CI's long run 10,000. */
const WRITES = Number(process.env['DFS_TEST_LOST_WRITES'] ?? 1500)
const WITHIN_MS = 6 * 60_000 + 60 * WRITES
const PATIENCE_MS = 120_000

interface Source {
  readonly from: string
  readonly environment: Readonly<Record<string, string>>
  readonly isBackup: boolean
  /** Whether nothing that was acknowledged may be missing. */
  readonly isExact: boolean
}

const SOURCES: readonly Source[] = [
  { from: 'copies on chunk servers', environment: {}, isBackup: false, isExact: false },
  {
    from: 'copies that commits wait for',
    environment: { DFS_METADATA_ACK: 'copies' },
    isBackup: false,
    isExact: true,
  },
  { from: 'a backup', environment: {}, isBackup: true, isExact: false },
]

describe.each(SOURCES)('the metadata is lost, and recovered from $from', { timeout: WITHIN_MS }, (source) => {
  const { gateway: _unused, ...programs } = SERVICE_PROGRAMS
  let cluster: MixedCluster
  let load: MetadataLoad
  const backup = (): string => join(cluster.directory, 'backup.db')
  const elsewhere = (): string => join(cluster.directory, 'elsewhere', 'master')

  const dfs = (...args: readonly string[]): Promise<ProgramEnd> =>
    run([process.execPath, DFS, ...args], { DFS_URL: cluster.masterUrl })
  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    const endMs = clock.monotonicMs() + PATIENCE_MS
    while (!(await holds()) && clock.monotonicMs() < endMs) await clock.sleep(500)
  }
  const recover = (...args: readonly string[]): Promise<ProgramEnd> =>
    dfs('recover', elsewhere(), '--key', join(cluster.dataDirectory, 'cluster.key'), ...args)

  beforeAll(async () => {
    cluster = await MixedCluster.start(programs, source.environment)
    await until(async () => (await dfs('status')).code === 0)
    await using client = cluster.client()
    load = new MetadataLoad(client)
    load.start()
    await load.acknowledged(WRITES / 2)
    if (source.isBackup) await dfs('backup', backup())
    await load.acknowledged(WRITES)
    await load.endWith(async () => {
      await cluster.killOne('master')
      rmSync(join(cluster.dataDirectory, 'master'), { recursive: true })
    })
  }, WITHIN_MS)
  afterAll(() => cluster?.end(), WITHIN_MS)

  it('is begun anew on another directory, and what servers have is said', async () => {
    const given = source.isBackup
      ? ['--backup', backup()]
      : ['--server', cluster.internalAddress('chunk-server-2')]
    let ended: ProgramEnd | null = null
    await until(async () => {
      ended = await recover(...given, '--yes')
      return !/a master answered/.test(ended.stderr)
    })
    const { code, stdout, stderr } = ended as unknown as ProgramEnd
    expect(code, stdout + stderr).toBe(0)
    const what = source.isBackup
      ? /^The backup: /
      : /^The newest copy of the metadata: that of chunk-server-\d/
    expect(stdout).toMatch(what)
    expect(existsSync(join(elsewhere(), 'recover.tmp'))).toBe(false)
  })

  it('serves every acknowledged file, or its bytes below /lost+found', async () => {
    cluster.moveMaster(elsewhere(), programs)
    cluster.launch('master', programs)
    for (const name of cluster.names.filter((each) => each !== 'master')) {
      await cluster.killOne(name)
      cluster.launch(name, programs)
    }
    await cluster.untilReady()
    await until(async () => (await dfs('recover', '--report')).stdout.includes('all have a name'))
    await using client = cluster.client()
    const found = await findWanted(client, load.wanted)
    expect(found.missing).toEqual([])
    expect(found.inPlace).toBeGreaterThan(0)
    expect(found.salvaged > 0 || !source.isBackup, 'what came after the backup').toBe(true)
    const undone = source.isExact ? await thereOf(client, load.removed) : []
    expect(undone, 'removals that were acknowledged').toEqual([])
    expect(found.exact, 'changes that were acknowledged').toBeGreaterThanOrEqual(
      source.isExact ? load.wanted.length : 0,
    )
  })

  it('is whole, by every check that there is', async () => {
    const check = await dfs('fsck')
    expect(check, check.stdout + check.stderr).toMatchObject({ code: 0 })
    expect((await dfs('recover', '--confirm')).code).toBe(0)
    await until(async () => (await dfs('status')).code === 0)
    const status = await dfs('status')
    expect(status, status.stdout).toMatchObject({ code: 0 })
    await cluster.kill()
    mkdirSync(join(cluster.dataDirectory, 'master'))
    cpSync(elsewhere(), join(cluster.dataDirectory, 'master'), { recursive: true })
    const offline = await dfs('fsck', '--offline', cluster.dataDirectory)
    expect(offline, offline.stdout + offline.stderr).toMatchObject({ code: 0 })
  })
})
