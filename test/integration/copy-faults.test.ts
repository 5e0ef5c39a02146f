/**
 * What may go wrong in the middle of a copy, with real processes: kill -9 of whoever takes part in it, damaged sources, a full disk.
 * Copies are made again of volumes whose files a disk has lost, so that nobody has to be waited for until it is dead.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, statfsSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type HealthView, MIB, type RepairView } from '@dfs/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  codesOf,
  isHealthy,
  kill,
  killFrozen,
  logOf,
  loseCopy,
  metricAt,
  newestRepair,
  sumOf,
  untilHealth,
  untilRepaired,
  urlOf,
  volumesOf,
  whileFrozen,
} from './lost-copy.ts'
import { clock, RealCluster } from './real-cluster.ts'

const SERVERS = ['chunk-server-1', 'chunk-server-2', 'chunk-server-3']
const isRoot = process.platform === 'linux' && process.getuid?.() === 0
/** Of the server whose disk can be made full; none of it is used before it is needed. */
const DISK = { server: 'chunk-server-3', size: '4g' }
/** Nearly what a volume takes: what is on its way when somebody dies is some megabytes, whatever the size of the copy. */
const SIZE = 240 * MIB
/** Of the whole copy, for each death. */
const COPIED_TWICE_MAX = 0.1
/** Of two blocks each. */
const SMALL = Array.from({ length: 12 }, (_, number) => Buffer.alloc(100_000, `small ${number} `))

let cluster: RealCluster
let large: string
let small: string
let length: number
let sum: string

beforeAll(async () => {
  cluster = await RealCluster.start({
    prepare: (dataDirectory) => {
      if (!isRoot) return
      mkdirSync(join(dataDirectory, DISK.server), { recursive: true, mode: 0o700 })
      const options = `size=${DISK.size},mode=0700`
      execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', join(dataDirectory, DISK.server)])
    },
  })
  await cluster.untilReady()
  await using client = cluster.client()
  await cluster.untilReplicated(client)
  async function* content(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < SIZE; at += MIB) yield Buffer.alloc(MIB, `from ${at} on `)
  }
  await client.put('/large', content(), { size: SIZE })
  for (const [number, bytes] of SMALL.entries()) await client.put(`/small/${number}`, bytes)
  ;[large, small] = [await volumeOf('/large'), await volumeOf('/small/0')]
  length = statSync(logOf(cluster, 'chunk-server-1', large)).size
  sum = await sumOf(cluster, 'chunk-server-1', large)
})

afterAll(async () => {
  await cluster.stop()
  if (isRoot) execFileSync('umount', [join(cluster.dataDirectory, DISK.server)])
  await cluster.end()
})

const volumeOf = async (path: string): Promise<string> => (await volumesOf(cluster, path))[0]!.volume

/** Bytes that a server has given to others for copies since its start. */
const given = (server: string): Promise<number> =>
  metricAt(urlOf(cluster, server), 'dfs_copy_given_bytes_total')

/** What the others have given. */
async function givenTo(target: string): Promise<number> {
  const each = await Promise.all(SERVERS.filter((server) => server !== target).map(given))
  return each.reduce((all, bytes) => all + bytes, 0)
}

/** Resolves to what is read twice in a row. */
async function atRest(read: () => Promise<number>): Promise<number> {
  for (let before = await read(); ;) {
    await clock.sleep(50)
    const now = await read()
    if (now === before) return now
    before = now
  }
}

/** Resolves when so much of the lost copy is in the log of `target` again; rejects if all of it is. */
async function untilThere(target: string, part: number): Promise<void> {
  for (;;) {
    const stat = statSync(logOf(cluster, target, large), { throwIfNoEntry: false })
    const there = (stat?.size ?? 0) / length
    if (there >= 1) throw new Error(`the moment at ${part} was missed`)
    if (there >= part) return
    await clock.sleep(2)
  }
}

const sumsOf = (volume: string): Promise<string[]> =>
  Promise.all(SERVERS.map((server) => sumOf(cluster, server, volume)))

/** Has the disk of `target` lose the copy of the large file, and resolves to what became of it after `meanwhile`. */
async function makeAgain(
  target: string,
  meanwhile: () => Promise<void>,
): Promise<Pick<RepairView, 'state' | 'target'> & { sums: string[] }> {
  const before = await newestRepair(cluster, large)
  await loseCopy(cluster, target, large)
  await meanwhile()
  const { state, target: madeOn } = await untilRepaired(cluster, large, before)
  return { state, target: madeOn, sums: await sumsOf(large) }
}

/** All copies are the same, byte for byte. */
const whole = (target: string) => ({ state: 'done', target, sums: SERVERS.map(() => sum) })

/** Flips a bit in a small file's block on a server, in place, as a disk would. */
function damage(server: string, number: number, block: number): void {
  const log = logOf(cluster, server, small)
  const at = readFileSync(log).indexOf(SMALL[number]!) + 65_536 * block + 2000
  const file = openSync(log, 'r+')
  writeSync(file, Buffer.of(SMALL[number]![65_536 * block + 2000]! ^ 1), 0, 1, at)
  closeSync(file)
}

/** The numbers of small files that a server does not serve right, with the status. */
async function wrongAt(server: string): Promise<[number, number][]> {
  const wrong: [number, number][] = []
  for (const [number, content] of SMALL.entries()) {
    const response = await fetch(`${urlOf(cluster, server)}/v1/files/small/${number}`)
    const bytes = Buffer.from(await response.arrayBuffer())
    if (!response.ok || !bytes.equals(content)) wrong.push([number, response.status])
  }
  return wrong
}

it('each file is in one volume, with three copies', async () => {
  expect(length).toBeGreaterThan(SIZE)
  expect(new Set(await Promise.all(SMALL.map((_, number) => volumeOf(`/small/${number}`))))).toEqual(
    new Set([small]),
  )
  expect(await untilHealth(cluster, isHealthy)).toMatchObject({ counts: { byCopies: [{ copies: 3 }] } })
})

describe('kill -9 in the middle of a copy: it is whole afterwards, and hardly anything was copied twice', () => {
  afterEach(async () => {
    await untilHealth(cluster, isHealthy)
  })

  it('of the target: it goes on where it was', async () => {
    const target = 'chunk-server-2'
    const before = await givenTo(target)
    const made = await makeAgain(target, async () => {
      await untilThere(target, 0.5)
      kill(cluster, target)
    })
    expect(made).toEqual(whole(target))
    const copied = (await givenTo(target)) - before
    expect(copied / length).toBeGreaterThanOrEqual(1)
    expect(copied / length).toBeLessThanOrEqual(1 + COPIED_TWICE_MAX)
  })

  it('of the source: the next one gives the rest', async () => {
    const target = 'chunk-server-2'
    let copied = -(await givenTo(target))
    const made = await makeAgain(target, async () => {
      await untilThere(target, 0.5)
      const { source } = (await newestRepair(cluster, large))!
      // What a process has counted goes with it: so nobody asks it for more while that is read.
      await whileFrozen(cluster, target, async () => {
        copied += await atRest(() => given(source))
        await killFrozen(cluster, source, () => {})
      })
    })
    expect(made).toEqual(whole(target))
    copied += await givenTo(target)
    expect(copied / length).toBeGreaterThanOrEqual(1)
    expect(copied / length).toBeLessThanOrEqual(1 + COPIED_TWICE_MAX)
  })

  it('of the target again and again: there is an end to it', async () => {
    const target = 'chunk-server-1'
    const before = await givenTo(target)
    const parts = [0.25, 0.5, 0.75]
    const made = await makeAgain(target, async () => {
      for (const part of parts) {
        await untilThere(target, part)
        kill(cluster, target)
      }
    })
    expect(made).toEqual(whole(target))
    const copied = (await givenTo(target)) - before
    expect(copied / length).toBeLessThanOrEqual(1 + parts.length * COPIED_TWICE_MAX)
  })
})

describe.skipIf(!isRoot)('a disk that is full in the middle of a copy (needs root: it is a tmpfs)', () => {
  const resize = (size: string): void => {
    execFileSync('mount', ['-o', `remount,size=${size}`, join(cluster.dataDirectory, DISK.server)])
  }

  it('takes no copy, which is said with the reason, until there is room', async () => {
    const target = DISK.server
    const made = await makeAgain(target, async () => {
      await untilThere(target, 0.25)
      await whileFrozen(cluster, target, async () => {
        const { blocks, bfree, bsize } = statfsSync(join(cluster.dataDirectory, target))
        resize(String((blocks - bfree) * bsize + MIB))
      })
      const isWaiting = ({ code, text }: HealthView['reasons'][number]): boolean =>
        code === 'repair-waiting' && text.includes('no server has room')
      const view = await untilHealth(cluster, ({ reasons }) => reasons.some(isWaiting))
      expect(new Set(codesOf(view))).toEqual(new Set(['files-short', 'repair-waiting', 'server-full']))
      expect(await newestRepair(cluster, large)).toMatchObject({
        state: 'failed',
        lastError: expect.stringContaining('INSUFFICIENT_SPACE'),
      })
      await using client = cluster.client()
      expect((await client.put('/meanwhile', Buffer.from('two'))).durability).toMatchObject({ copies: 2 })
      resize(DISK.size)
      await untilHealth(cluster, isHealthy)
    })
    expect(made).toEqual(whole(target))
  })
})

describe('damaged sources', () => {
  const target = 'chunk-server-2'

  it('that have a record whole between them: it is put together, and they are mended', async () => {
    const [right] = await sumsOf(small)
    damage('chunk-server-1', 7, 0)
    damage('chunk-server-3', 7, 1)
    const before = await newestRepair(cluster, small)
    await loseCopy(cluster, target, small)
    expect(await untilRepaired(cluster, small, before)).toMatchObject({ state: 'done', target })
    await untilHealth(cluster, isHealthy)
    await expect.poll(() => sumsOf(small), { timeout: 60_000 }).toEqual([right, right, right])
    expect(await metricAt(urlOf(cluster, target), 'dfs_copy_source_damages_total')).toBe(2)
  })

  it('that all lack one record: the rest is copied, and the file of that record is named', async () => {
    for (const server of ['chunk-server-1', 'chunk-server-3']) damage(server, 5, 0)
    const before = await newestRepair(cluster, small)
    await loseCopy(cluster, target, small)
    const ended = await untilRepaired(cluster, small, before)
    const lastError = 'no copy has 97.8 KiB of it whole: /small/5'
    expect(ended).toMatchObject({ state: 'failed', target, lastError })
    const [first, ...others] = await sumsOf(small)
    expect(others, 'what there is of the record is there as well').toEqual([first, first])
    for (const server of SERVERS) expect(await wrongAt(server), server).toEqual([[5, 503]])
    const listed = await cluster.dfs(['repairs'])
    expect([listed.code, listed.stdout]).toEqual([0, expect.stringContaining(lastError)])
    expect(await newestRepair(cluster, small), 'nothing else is tried').toEqual(ended)
  })

  it('is damage, and no loss: the other files of the volume can be read, and no indicator says otherwise', async () => {
    const view = await untilHealth(cluster, (each) => codesOf(each).includes('files-damaged'))
    const { state, reasons, counts } = view
    expect([state, codesOf(view).toSorted()]).toEqual(['degraded', ['copies-damaged', 'files-damaged']])
    const atNone = counts!.byCopies.find(({ copies }) => copies === 0)!
    expect(reasons.find(({ code }) => code === 'files-damaged')).toMatchObject({
      count: atNone.files,
      text: expect.stringContaining(
        'no copy that is whole, and parts may be unreadable: copies on chunk-server-',
      ),
      servers: expect.arrayContaining(SERVERS),
    })
    expect(atNone.files).toBeGreaterThanOrEqual(SMALL.length)
    const status = await cluster.dfs(['status'])
    expect([status.code, status.stdout]).toEqual([1, expect.stringMatching(/^degraded: /)])
    const lost = await cluster.dfs(['why', '--lost'])
    expect([lost.code, lost.stdout]).toEqual([0, ''])
    const short = await cluster.dfs(['why', '--short'])
    for (const number of SMALL.keys())
      expect(short.stdout).toMatch(new RegExp(`^0 of 3 +damaged .* /small/${number}$`, 'm'))
    const why = await cluster.dfs(['why', '/small/5'])
    expect(why.stdout).toContain('/small/5: Some part has damaged copies only: it can be read unless')
  })
})

/** The last one: nothing is planned in the first 25 seconds of the next master. */
it('kill -9 of the master in the middle of a copy: nobody needs it for what it has ordered', async () => {
  const target = 'chunk-server-2'
  const before = await givenTo(target)
  const made = await makeAgain(target, async () => {
    await untilThere(target, 0.5)
    kill(cluster, 'master')
  })
  expect(made).toEqual(whole(target))
  const copied = (await givenTo(target)) - before
  expect(copied / length).toBeGreaterThanOrEqual(1)
  expect(copied / length).toBeLessThanOrEqual(1 + COPIED_TWICE_MAX)
})
