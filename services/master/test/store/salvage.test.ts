/**
 * Contents that a new history has found get a name: each once, where nothing stands, with the totals and counts right, and whatever
 * their records say of a path.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Findings, sqliteDump, checkBooks } from '@dfs/fsck'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type SalvageRow } from '../../src/domain/metadata/recovery-rows.ts'
import { copyAsCrashed, openAt, removeTemporaryDirectories, temporaryDirectory } from '../fixture/engines.ts'
import { NOW, RECORD_HEADER, StoreBench } from '../fixture/store-bench.ts'

let directory: string
let b: StoreBench
let volumes: number[]
let numbers = 0

beforeEach(async () => {
  directory = temporaryDirectory()
  b = new StoreBench(await openAt(directory))
  await b.addServers(3)
  const orders = [await b.volume(), await b.volume()]
  volumes = orders.map(({ volume }) => volume)
  await b.commit(b.write('/there', b.chunk(orders[0]!, 9)))
  await b.makeDirectory('/a/directory')
  await b.store.sealVolumes(volumes, 'test', NOW)
})
afterEach(async () => {
  await b.store.close()
  removeTemporaryDirectories()
})

interface Found extends Partial<Pick<SalvageRow, 'in_place' | 'gap'>> {
  readonly path: string
  /** Chunks of 10 bytes, by the volumes that they lie in, by index. */
  readonly chunks?: readonly number[]
}

/** Just a path by itself. */
const LONGEST = `${`/${'x'.repeat(200)}`.repeat(20)}/${'y'.repeat(70)}`

/** As `dfs recover` leaves the database; the store is open on it again. */
async function find(...found: readonly Found[]): Promise<void> {
  await b.store.close()
  const database = new DatabaseSync(join(directory, 'metadata.db'))
  const end = database.prepare('SELECT committed_end AS at FROM volumes WHERE id = ?')
  const chunk = database.prepare(
    'INSERT INTO chunks (content_id, start, volume, "offset", record_size, length, crc32, copies) VALUES (?, ?, ?, ?, ?, 10, 7, 2)',
  )
  const raise = database.prepare(
    'UPDATE volumes SET committed_end = ?1, sealed_length = ?1, live_bytes = live_bytes + ?2, live_chunks = live_chunks + 1 WHERE id = ?3',
  )
  const salvage = database.prepare(
    `INSERT INTO salvage (id, path, in_place, size, crc32, copies, zones, volumes, gap, request_server, request_incarnation, request_number)
     VALUES (?, ?, ?, ?, 5, 2, 2, ?, ?, 3, 9, ?)`,
  )
  const size = RECORD_HEADER + 10
  for (const { path, chunks = [0], in_place = 0, gap = null } of found) {
    numbers += 1
    const content = 2 ** 50 + numbers
    for (const [index, volume] of chunks.entries()) {
      const { at } = end.get(volumes[volume]!) as { at: number }
      chunk.run(content, 10 * index, volumes[volume]!, at, size)
      raise.run(at + size, size, volumes[volume]!)
    }
    const lies = JSON.stringify([...new Set(chunks)].map((index) => volumes[index]!))
    salvage.run(content, path, in_place, 10 * chunks.length, lies, gap, numbers)
  }
  database.exec('INSERT OR REPLACE INTO recovery VALUES (1, 5, 100, 1, 20, 1, 25, 1, NULL)')
  database.close()
  b.store = await openAt(directory, 2)
}

const placesOf = async (countMax = 100): Promise<(string | null)[]> =>
  (await b.store.recovering.salvage(countMax, NOW)).map(({ placed }) => placed)

/** What contradicts itself in the database as a crash would leave it. */
function faults(): unknown[] {
  const database = new DatabaseSync(join(copyAsCrashed(directory), 'metadata.db'))
  try {
    const dump = sqliteDump((sql, ...parameters) => database.prepare(sql).iterate(...parameters))
    const findings = new Findings()
    checkBooks(dump, [...dump.volumes()], findings)
    return [...findings.report().findings]
  } finally {
    database.close()
  }
}

describe('what was found', () => {
  it('gets its name below /lost+found by its path, and can be read there', async () => {
    const before = await b.store.totals()
    await find({ path: '/new/file' }, { path: '/long', chunks: [0, 1, 1] })
    expect(faults(), 'before').toEqual([])
    expect(await placesOf()).toEqual(['/lost+found/new/file', '/lost+found/long'])
    const { info, locations } = await b.file('/lost+found/long')
    expect(info).toMatchObject({ size: 30, crc32: 5, copies: 2, zones: 2 })
    expect(new Set(locations.keys())).toEqual(new Set(volumes))
    const totals = await b.store.totals()
    expect(totals.files - before.files).toBe(2)
    expect(totals.fileBytes - before.fileBytes).toBe(40)
    expect(totals.directories - before.directories).toBe(2)
    expect(faults()).toEqual([])
    expect(b.store.recovering.view()).toMatchObject({ pending: 0, copyAt: { start: 1, sequence: 20 } })
    expect(await placesOf(), 'once').toEqual([])
  })

  it('gets it some at a time, whenever the process ends in between', async () => {
    await find({ path: '/1' }, { path: '/2' }, { path: '/3' })
    expect(await placesOf(2)).toEqual(['/lost+found/1', '/lost+found/2'])
    const rest = copyAsCrashed(directory)
    await b.store.close()
    b.store = await openAt(rest, 3)
    expect(await placesOf(2)).toEqual(['/lost+found/3'])
    const told = await b.store.recovering.page(Number.MAX_SAFE_INTEGER, 100)
    expect(told.map(({ path }) => path)).toEqual(['/3', '/2', '/1'])
    expect(await b.store.recovering.page(told[1]!.id, 100)).toMatchObject([{ path: '/1' }])
  })

  it('never touches what stands: it is numbered, also if several have one path', async () => {
    await find(...Array.from({ length: 12 }, () => ({ path: '/there' })))
    expect(await b.touch('/lost+found/there')).toBe('ok')
    const places = await placesOf()
    expect(new Set(places).size).toBe(12)
    expect(places.slice(0, 8)).toEqual(
      Array.from({ length: 8 }, (_, index) => `/lost+found/there.${index + 2}`),
    )
    expect((await b.file('/lost+found/there')).info.size).toBe(0)
    expect(faults()).toEqual([])
  })

  it('goes back to its place only if that was asked for, and nothing stands there', async () => {
    await find(
      { path: '/gone', in_place: 1 },
      { path: '/there', in_place: 1 },
      { path: '/a/directory', in_place: 1 },
      { path: '/there/below', in_place: 1 },
      { path: '/not asked' },
    )
    const before = await b.file('/there')
    expect(await placesOf()).toEqual([
      '/gone',
      '/lost+found/there',
      '/lost+found/a/directory',
      '/lost+found.2/there/below',
      '/lost+found/not asked',
    ])
    expect((await b.file('/there')).info.version).toBe(before.info.version)
    expect(faults()).toEqual([])
  })

  it.each([
    { what: 'a way up', path: '/../../etc/passwd' },
    { what: 'control characters', path: '/a\u0000b\n' },
    { what: 'nothing', path: '' },
    {
      what: 'a path that is too long with a directory before it',
      path: LONGEST,
      in_place: 0,
    },
    { what: 'empty names', path: '//a//b' },
    { what: 'the root', path: '/' },
  ])('gets a name whatever its records say: $what', async ({ path, in_place = 1 }) => {
    await find({ path, in_place })
    const [place] = await placesOf()
    expect(place).toMatch(/^\/lost\+found\/write-3\.9\.[0-9]+-[0-9a-f]+$/)
    expect((await b.file(place!)).info.size).toBe(10)
    expect(faults()).toEqual([])
  })

  it('goes elsewhere where /lost+found is a file, and stays in the volumes where all of that is taken', async () => {
    for (const name of ['/lost+found', '/lost+found.2']) await b.touch(name)
    await find({ path: '/x' })
    expect(await placesOf()).toEqual(['/lost+found.3/x'])
    await b.touch('/y')
    await b.move('/lost+found.3', '/moved')
    await b.touch('/lost+found.3')
    await find({ path: '/y', in_place: 1, gap: 'all' })
    expect(await placesOf()).toEqual([null])
    expect(await b.store.recovering.page(2 ** 52, 1)).toMatchObject([
      { path: '/y', placed: null, gap: 'all' },
    ])
    expect(faults()).toEqual([])
  })
})

describe('until it is confirmed', () => {
  it('nothing may be deleted, and it cannot be confirmed while something has no name', async () => {
    expect(b.store.recovering.mayDelete(), 'of the first history').toBe(true)
    await find({ path: '/x' })
    expect(b.store.recovering.mayDelete()).toBe(false)
    await expect(b.store.recovering.confirm(NOW)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await placesOf()
    await b.store.recovering.confirm(NOW)
    await b.store.recovering.confirm(NOW + 1)
    expect(b.store.recovering.view()?.confirmedWallMs).toBe(NOW)
    const survivor = await openAt(copyAsCrashed(directory), 4)
    expect(survivor.recovering.mayDelete()).toBe(true)
    await survivor.close()
  })
})
