/** The master's background work: what each worker waits for, and what none does on a full disk or a restored backup. */
import { DiskError, type Runtime, type SpaceWatch, type WorkerStatus } from '@dfs/core'
import { healthView } from '@dfs/protocol'
import { expect, it } from 'vitest'
import { masterWorkers, type MasterWorkersOptions } from '../src/workers/master-workers.ts'
import { MasterBench } from './fixture/master-bench.ts'
import { type MetadataStore } from '../src/metadata/store.ts'
import { CopyJobs } from '../src/servers/copy-jobs.ts'
import { RepairStatus } from '../src/servers/repair-status.ts'
import { DEFAULT_SETTINGS } from '../src/settings.ts'
import { makeWorld } from './fixture/world.ts'

interface Scene {
  readonly isFull?: boolean
  readonly backupReason?: string
  readonly deadVolumes?: number
  readonly diskError?: DiskError
  /** What is left of a torn transaction; and whether enough servers have registered. */
  readonly hasTorn?: boolean
  readonly mayRemove?: boolean
  readonly emptyVolumes?: number
  /** Of a new history that nobody has confirmed. */
  readonly isUnconfirmed?: boolean
  /** Writes that it has found and that have no name. */
  readonly unnamed?: number
  readonly fenced?: string
}

/** What was done within 3.5 s, and what the workers say then. */
async function watch(scene: Scene): Promise<{ done: string[]; statuses: WorkerStatus[] }> {
  const world = makeWorld()
  const done: string[] = []
  const note = async (what: string): Promise<boolean> => {
    done.push(what)
    return false
  }
  let empty = scene.emptyVolumes ?? 0
  let open = Array.from({ length: scene.deadVolumes ?? 0 }, (_, index) => ({ volume: index + 1 }))
  let unnamed = scene.unnamed ?? 0
  const store = {
    recovering: {
      mayDelete: () => scene.isUnconfirmed !== true,
      view: () => ({ pending: unnamed }),
      salvage: async (countMax: number) => {
        const count = Math.min(countMax, unnamed)
        unnamed -= count
        await note(`name ${count}`)
        return Array.from({ length: count }, (_, index) => ({ placed: `/lost+found/${index}` }))
      },
    },
    openVolumesOf: async () => open,
    sealVolumes: async (volumes: readonly number[]) => {
      open = open.filter(({ volume }) => !volumes.includes(volume))
      await note(`seal ${volumes.length}`)
    },
    countDeleted: () => note('count'),
    forgetKeys: () => note('forget'),
    kept: scene.hasTorn === true ? [{ reason: 'torn', prefix: 'kept-' }] : [],
    deleteEmptyVolumes: async (countMax: number) => {
      const deleted = Array.from({ length: Math.min(countMax, empty) }, (_, index) => index + 1)
      empty -= deleted.length
      await note(`delete ${deleted.length}`)
      return { deleted, notEmpty: [], isMoreLeft: deleted.length === countMax }
    },
    openVolumeLoads: async () => new Map(),
    repairing: {
      takeTouched: async () => [],
      knownVolumes: async () => [],
      touchOn: async () => undefined,
      copyLoads: async () => new Map(),
    },
  }
  const space = {
    isFull: scene.isFull ?? false,
    look: async () => {
      if (scene.diskError !== undefined) throw scene.diskError
      return { freeBytes: 2 ** 40, totalBytes: 2 ** 41 }
    },
  } as unknown as SpaceWatch
  const sessions = {
    dead: () => [7],
    mayRemove: scene.mayRemove ?? true,
    servers: [],
    replaced: () => [],
    view: () => [],
    there: () => new Set<number>(),
    startedAtMs: 0,
    attendance: { hasMajority: false, hasEveryone: true, silent: [] },
  }
  const jobs = new CopyJobs(world.clock)
  const runner = masterWorkers({
    runtime: world as Runtime,
    store: store as unknown as MasterWorkersOptions['store'],
    sessions: sessions as unknown as MasterWorkersOptions['sessions'],
    settings: DEFAULT_SETTINGS,
    jobs,
    copies: { whyFenced: () => scene.fenced ?? null },
    repairStatus: new RepairStatus({ sessions, jobs, store: store as unknown as MetadataStore }),
    time: {
      keep: () => note('keep'),
      now: () => ({ wallMs: 0, clusterMs: 0 }),
    } as unknown as MasterWorkersOptions['time'],
    space,
    backup: { reason: scene.backupReason ?? null },
    health: { look: async () => healthView([], { counts: null, atMs: 1 }) },
    everyMs: 1000,
  })
  const stop = new AbortController()
  const running = runner.run(stop.signal)
  // In small steps: all workers have their turn in each.
  for (let step = 0; step < 35; step += 1) await world.clock.advance(100)
  const statuses = runner.statuses()
  stop.abort(new Error('the test is over'))
  await running
  return { done, statuses }
}

const whyOf = (statuses: readonly WorkerStatus[]): Record<string, string | null> =>
  Object.fromEntries(statuses.map(({ name, why }) => [name, why]))

it('goes round once each second', async () => {
  const { done, statuses } = await watch({})
  expect(done).toEqual(Array.from({ length: 3 }, () => ['count', 'delete 0', 'forget', 'keep']).flat())
  expect(whyOf(statuses)).toEqual({
    'seal-dead': 'no dead server has an open volume',
    'watch-space': 'the disk has room',
    'count-deleted': 'all is counted',
    'delete-empty': 'no sealed volume is empty that nobody may ask for',
    salvage: 'nothing that was found waits for a name',
    'repair-copies': 'servers have 22 s more to register after the start',
    'forget-servers': 'no server is gone of which anything could be forgotten',
    'forget-keys': 'no key is past its time',
    'keep-time': 'the time is written down each minute at least',
    'watch-health': 'the cluster is healthy',
  })
})

it('seals what a dead server leaves at once, before anything else, in bounded transactions', async () => {
  const { done, statuses } = await watch({ deadVolumes: 250 })
  expect(done.slice(0, 4)).toEqual(['seal 100', 'seal 100', 'seal 50', 'count'])
  expect(statuses[0]).toMatchObject({ name: 'seal-dead', did: 250 })
})

it('changes nothing that can wait while the disk is full', async () => {
  const { done, statuses } = await watch({ isFull: true, deadVolumes: 1 })
  expect(new Set(done)).toEqual(new Set(['seal 1', 'keep']))
  expect(whyOf(statuses)).toMatchObject({
    'count-deleted': 'the disk is full',
    'delete-empty': 'the disk is full',
    'forget-keys': 'the disk is full',
  })
})

it('deletes what is empty in bounded steps', async () => {
  const { done, statuses } = await watch({ emptyVolumes: 250 })
  expect(done.filter((what) => what.startsWith('delete')).slice(0, 3)).toEqual([
    'delete 100',
    'delete 100',
    'delete 50',
  ])
  expect(statuses.find(({ name }) => name === 'delete-empty')).toMatchObject({ did: 250 })
})

it.each<[string, Scene]>([
  ['it waits for servers: a restored backup shows when they register', { mayRemove: false }],
  ['the new history of the metadata is not confirmed (dfs recover --confirm)', { isUnconfirmed: true }],
  ['most holders of copies are silent', { fenced: 'most holders of copies are silent' }],
  ['the copy of a torn transaction is kept until every server has registered', { hasTorn: true }],
])('deletes nothing, since %s', async (why, scene) => {
  const { done, statuses } = await watch({ ...scene, emptyVolumes: 1 })
  expect(done.filter((what) => what.startsWith('delete'))).toEqual([])
  expect(whyOf(statuses)).toMatchObject({ 'delete-empty': why })
})

it('gives a name to what was found, in bounded steps, and not on a full disk', async () => {
  const { done, statuses } = await watch({ unnamed: 45 })
  expect(done.filter((what) => what.startsWith('name'))).toEqual(['name 20', 'name 20', 'name 5'])
  expect(statuses.find(({ name }) => name === 'salvage')).toMatchObject({ did: 45 })
  expect((await watch({ unnamed: 1, isFull: true })).done).not.toContain('name 1')
})

it('decides nothing by metadata that nobody obeys', async () => {
  const { done, statuses } = await watch({ backupReason: 'restored', deadVolumes: 1, unnamed: 1 })
  expect(done).toEqual([])
  const deciding = statuses.filter(({ name }) => name !== 'watch-health')
  expect(new Set(deciding.map(({ why }) => why)).size).toBe(1)
})

it('goes on without knowing how much room there is, and says so', async () => {
  const { done, statuses } = await watch({ diskError: new DiskError('io', 'the disk is away') })
  expect(done.filter((what) => what === 'keep')).toHaveLength(3)
  const lastError = { message: 'the disk is away', atMs: expect.any(Number) as number }
  expect(statuses[1]).toMatchObject({ name: 'watch-space', why: 'the disk does not answer', lastError })
})

it('is what the master says that it does', async () => {
  const bench = await MasterBench.start()
  const names = bench.master.workers().map(({ name }) => name)
  expect(names).toEqual([
    'seal-dead',
    'watch-space',
    'count-deleted',
    'delete-empty',
    'repair-copies',
    'salvage',
    'forget-servers',
    'forget-keys',
    'keep-time',
    'watch-health',
  ])
  await bench.master.stop()
})
