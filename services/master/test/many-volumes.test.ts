/** A server with thousands of copies dies: the master looks at all of their volumes, some at a time, so that others have their turns. */
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { openContext, type VolumeOrder } from '@dfs/protocol'
import { afterEach, expect, it } from 'vitest'
import { openAt, removeTemporaryDirectories, temporaryDirectory } from './fixture/engines.ts'
import { MasterBench } from './fixture/master-bench.ts'

afterEach(removeTemporaryDirectories)

/** More than are planned in one turn. */
const VOLUMES = 5000
/** Volumes that may be looked up at once: those of one plan. */
const AT_ONCE_MAX = 2000

/** Makes copies of the rows of a volume, so that there are so many. */
function multiply(path: string, { volume }: VolumeOrder): void {
  const db = new DatabaseSync(path)
  const columns = (table: string, changed: Readonly<Record<string, string>>) => {
    const names = db
      .prepare(`SELECT name FROM pragma_table_info('${table}')`)
      .all()
      .map(({ name }) => String(name))
    return { into: names.join(), from: names.map((name) => changed[name] ?? name).join() }
  }
  const counting = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${VOLUMES - 1})`
  const volumes = columns('volumes', { id: `id + 1000000 + n.i * 10` })
  const replicas = columns('replicas', {
    id: 'id + 10000000 + n.i * 10',
    volume: 'volume + 1000000 + n.i * 10',
  })
  db.exec('BEGIN')
  db.exec(
    `${counting} INSERT INTO volumes (${volumes.into}) SELECT ${volumes.from} FROM volumes, n WHERE id = ${volume}`,
  )
  db.exec(
    `${counting} INSERT INTO replicas (${replicas.into}) SELECT ${replicas.from} FROM replicas, n WHERE volume = ${volume}`,
  )
  db.exec('COMMIT')
  db.close()
}

it('all are looked at, and never many at once', async () => {
  const directory = temporaryDirectory()
  const before = await MasterBench.start(await openAt(directory))
  const ids = await before.registerAll(3)
  const [primary] = ids
  const [order] = await before.allocate(primary!)
  expect(await before.write(primary!, 0, order!)).toBe('ok')
  await before.store.sealVolumes([order!.volume], 'test', 0)
  const { volume } = order!
  for (const { server, replica } of order!.replicas) {
    const lengths = { lengthBytes: 100, sealedLengthBytes: 100, verifiedToBytes: 100 }
    await before.heartbeat(server, { replicas: [{ volume, replica, state: 'sealed', ...lengths }] })
  }
  await before.master.stop()
  multiply(join(directory, 'metadata.db'), order!)

  const store = await openAt(directory, 2)
  const lookedUp: number[] = []
  const knownVolumes = store.repairing.knownVolumes.bind(store.repairing)
  store.repairing.knownVolumes = (ids) => {
    lookedUp.push(ids.length)
    return knownVolumes(ids)
  }
  const after = await MasterBench.start(store)
  const kept = [after.register(0), after.register(1)]
  const [first, second] = (await Promise.all(kept)).map(({ serverId }) => serverId)
  await after.pass(40_000, first!, second!)
  const { reasons } = await after.master.namespace.viewHealth(openContext(after.world.clock, 'r'))
  const waiting = reasons.filter(({ code }) => code === 'repair-waiting')
  expect(waiting.reduce((sum, { count }) => sum + (count ?? 0), 0)).toBe(VOLUMES)
  expect(Math.max(...lookedUp)).toBeLessThanOrEqual(AT_ONCE_MAX)
  await after.master.stop()
}, 60_000)
