/**
 * The way on when the chunk servers refuse a master: its database is an old copy, and the real one is gone. Real processes:
 * the refusal, what `dfs recover` says and asks for, the new history, a server that was given up and returns, and the old
 * master that wakes up.
 */
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SERVICE_PROGRAMS } from '../../scripts/cluster/programs.ts'
import { MixedCluster, clock } from '../upgrade/mixed-cluster.ts'
import { type ProgramEnd, run } from './real-cluster.ts'

const DFS = join(import.meta.dirname, '../../packages/cli/bin/dfs.cjs')
const WITHIN_MS = 4 * 60_000
const PATIENCE_MS = 120_000
const LOST = 'chunk-server-3'

describe('a new history of the metadata', { timeout: WITHIN_MS }, () => {
  let cluster: MixedCluster
  const { gateway: _unused, ...programs } = SERVICE_PROGRAMS
  const masterDirectory = (): string => join(cluster.dataDirectory, 'master')
  const asideDirectory = (): string => join(cluster.directory, 'the real one')

  const write = async (path: string, content: string): Promise<void> => {
    const response = await fetch(`${cluster.serverUrls[0]!}/v1/files${path}`, {
      method: 'PUT',
      body: content,
    })
    expect(response.ok, await response.text()).toBe(true)
  }
  const read = async (url: string, path: string): Promise<string> => {
    const response = await fetch(`${url}/v1/files${path}`)
    const text = await response.text()
    return response.ok ? text : `${response.status}`
  }
  const recover = (...args: readonly string[]): Promise<ProgramEnd> =>
    run([process.execPath, DFS, 'recover', masterDirectory(), ...args])
  const dfs = (...args: readonly string[]): Promise<ProgramEnd> =>
    run([process.execPath, DFS, ...args], { DFS_URL: cluster.masterUrl })
  const untilSalvaged = async (): Promise<void> => {
    const endMs = clock.monotonicMs() + PATIENCE_MS
    for (;;) {
      const { stdout } = await dfs('recover', '--report')
      if (stdout.includes('all have a name') || clock.monotonicMs() > endMs) return
      await clock.sleep(500)
    }
  }
  /** Until the refusal is not for a master that was heard lately. */
  const recoverOnceSilent = async (...args: readonly string[]): Promise<ProgramEnd> => {
    const endMs = clock.monotonicMs() + PATIENCE_MS
    for (;;) {
      const end = await recover(...args)
      if (!/a master answered/.test(end.stderr) || clock.monotonicMs() > endMs) return end
      await clock.sleep(1000)
    }
  }

  beforeAll(async () => {
    cluster = await MixedCluster.start(programs)
    for (let n = 0; n < 20; n += 1) await write(`/before/${n}`, `before ${n}`)
    // An old copy: taken while nothing runs on it.
    await cluster.killOne('master')
    cpSync(masterDirectory(), join(cluster.directory, 'old copy'), { recursive: true })
    cluster.launch('master', programs)
    await cluster.untilReady()
    for (let n = 0; n < 5; n += 1) await write(`/after/${n}`, `after ${n}`)
    await write('/before/0', 'overwritten')
  }, WITHIN_MS)
  afterAll(() => cluster?.end(), WITHIN_MS)

  it('does not begin over a master that runs, nor over one that was heard just now', async () => {
    expect(await recover('--yes')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('stop it first'),
    })
    await cluster.killOne('master')
    const refused = await recover('--yes')
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringMatching(/a master answered .* ago/) })
    expect(readdirSync(masterDirectory())).not.toContain('recover.tmp')
  })

  it('begins when every server was reached or given up, after saying what is missing', async () => {
    await cluster.killOne(LOST)
    cpSync(masterDirectory(), asideDirectory(), { recursive: true })
    rmSync(masterDirectory(), { recursive: true })
    cpSync(join(cluster.directory, 'old copy'), masterDirectory(), { recursive: true })

    const unnamed = await recoverOnceSilent('--yes')
    expect(unnamed).toMatchObject({ code: 4, stderr: expect.stringContaining(`--lost ${LOST}`) })
    const unasked = await recover('--lost', LOST)
    expect(unasked, 'nobody can be asked').toMatchObject({ code: 2 })

    const begun = await recover('--lost', LOST, '--yes')
    expect(begun, begun.stderr).toMatchObject({ code: 0 })
    for (let n = 0; n < 5; n += 1) expect(begun.stdout).toContain(`/after/${n}`)
    expect(begun.stdout).toContain('/before/0')
    expect(begun.stdout).toContain('6 writes in the volumes that the metadata does not know')
    expect(begun.stdout).toMatch(/At least \d+ transactions that servers have seen are missing/)
    expect(existsSync(join(masterDirectory(), 'recover.tmp'))).toBe(false)
  })

  it('goes on with what was there, and takes new writes', async () => {
    cluster.launch('master', programs)
    await cluster.untilAlive(2)
    for (const url of cluster.serverUrls.slice(0, 2)) {
      for (let n = 0; n < 20; n += 1) expect(await read(url, `/before/${n}`)).toBe(`before ${n}`)
      expect(await read(url, '/after/0')).toBe('404')
    }
    await untilSalvaged()
    for (const url of cluster.serverUrls.slice(0, 2)) {
      for (let n = 0; n < 5; n += 1) expect(await read(url, `/lost+found/after/${n}`)).toBe(`after ${n}`)
      expect(await read(url, '/lost+found/before/0')).toBe('overwritten')
    }
    await write('/new', 'of the new history')
    expect(await read(cluster.serverUrls[1]!, '/new')).toBe('of the new history')
  })

  it('takes in a server that was given up, and verifies what it has again', async () => {
    cluster.launch(LOST, programs)
    await cluster.untilReady()
    expect(await read(cluster.serverUrls[2]!, '/before/1')).toBe('before 1')
    expect(await read(cluster.serverUrls[2]!, '/new')).toBe('of the new history')
    const check = await dfs('fsck')
    expect(check, check.stdout + check.stderr).toMatchObject({ code: 0 })
  })

  it('says what became of each write, and keeps everything until somebody has confirmed it', async () => {
    expect((await dfs('status')).stdout).toContain('recovery-unconfirmed')
    const report = await dfs('recover', '--report')
    expect(report.stdout).toMatch(/6 writes were found that the metadata did not know; all have a name/)
    expect(report.stdout).toMatch(/^\/before\/0 +\/lost\+found\/before\/0 +11 B +2 +-$/m)
    expect(await dfs('recover', '--confirm')).toMatchObject({ code: 0 })
    expect((await dfs('status')).stdout).not.toContain('recovery-unconfirmed')
  })

  it('refuses the old master for good', async () => {
    await cluster.killOne('master')
    const newDirectory = join(cluster.directory, 'the new one')
    cpSync(masterDirectory(), newDirectory, { recursive: true })
    rmSync(masterDirectory(), { recursive: true })
    cpSync(asideDirectory(), masterDirectory(), { recursive: true })
    cluster.launch('master', programs)
    await cluster.untilLogged('chunk-server-1', 'STALE_EPOCH')
    expect(await read(cluster.serverUrls[0]!, '/after/0'), 'the old master is not believed').not.toBe(
      'after 0',
    )

    await cluster.killOne('master')
    rmSync(masterDirectory(), { recursive: true })
    cpSync(newDirectory, masterDirectory(), { recursive: true })
    cluster.launch('master', programs)
    await cluster.untilReady()
    expect(await read(cluster.serverUrls[0]!, '/new')).toBe('of the new history')
  })
})
