/**
 * The master's directory is destroyed under load, and the cluster goes on elsewhere: on another directory and other ports, from a
 * backup that was made in between. Every file that was acknowledged, and not overwritten or deleted since, is readable with its bytes,
 * or named in the report and below /lost+found; and the check of the whole finds nothing.
 */
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SERVICE_PROGRAMS } from '../../scripts/cluster/programs.ts'
import { clock, MixedCluster } from '../upgrade/mixed-cluster.ts'
import { findWanted, MetadataLoad } from './metadata-load.ts'
import { type ProgramEnd, run } from './real-cluster.ts'

const DFS = join(import.meta.dirname, '../../packages/cli/bin/dfs.cjs')
/** Writes that are acknowledged before the master is gone; of CI's long run 10,000. */
const WRITES = Number(process.env['DFS_TEST_LOST_WRITES'] ?? 1500)
const WITHIN_MS = 6 * 60_000 + 60 * WRITES
const PATIENCE_MS = 120_000

describe('the metadata is lost', { timeout: WITHIN_MS }, () => {
  const { gateway: _unused, ...programs } = SERVICE_PROGRAMS
  let cluster: MixedCluster
  let load: MetadataLoad
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
    cluster = await MixedCluster.start(programs)
    await using client = cluster.client()
    load = new MetadataLoad(client)
    load.start()
    await load.acknowledged(WRITES / 2)
    const database = new DatabaseSync(join(cluster.dataDirectory, 'master', 'metadata.db'), {
      readOnly: true,
    })
    database.exec(`VACUUM INTO '${join(cluster.directory, 'backup.db')}'`)
    database.close()
    await load.acknowledged(WRITES)
    await load.endWith(async () => {
      await cluster.killOne('master')
      rmSync(join(cluster.dataDirectory, 'master'), { recursive: true })
    })
  }, WITHIN_MS)
  afterAll(() => cluster?.end(), WITHIN_MS)

  it('is begun anew on another directory, and what servers have is said', async () => {
    const backup = join(cluster.directory, 'backup.db')
    let ended: ProgramEnd | null = null
    await until(async () => {
      ended = await recover('--backup', backup, '--yes')
      return !/a master answered/.test(ended.stderr)
    })
    const { code, stdout, stderr } = ended as unknown as ProgramEnd
    expect(code, stdout + stderr).toBe(0)
    expect(stdout).toMatch(/At least [\d,]+ transactions that servers have seen are missing/)
    expect(stdout).toMatch(/[\d,]+ writes in the volumes that the metadata does not know/)
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
    expect(found.salvaged).toBeGreaterThan(0)
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
