/** What the store tells of copies: counts of what is stored, explanations of files, and lists of those with too few. */
import { EXPLAINED_ENTRIES_MAX, type WeakFile } from '@dfs/protocol'
import { expect, it } from 'vitest'
import { type CopyView, type Tally } from '../../src/metadata/copy-store.ts'
import { describeStores } from '../fixture/describe-stores.ts'
import { path, RECORD_HEADER, type StoreBench } from '../fixture/store-bench.ts'
import { stage, storeLong, viewOf } from '../fixture/stored-copies.ts'

async function tallyOf(b: StoreBench, view: CopyView, volumesMax = 2000): Promise<Tally> {
  const tallying = b.store.tally(view)
  for (;;) {
    const tally = await tallying.step(volumesMax)
    if (tally !== null) return tally
  }
}

/** `copies: files in volumes with bytes`, the weakest first. */
async function counted(b: StoreBench, view: CopyView, volumesMax?: number): Promise<string[]> {
  const { cells } = await tallyOf(b, view, volumesMax)
  return cells.map(({ good, files, volumes, bytes }) => `${good}: ${files} in ${volumes} with ${bytes}`)
}

const record = (...lengths: number[]): number =>
  lengths.reduce((sum, length) => sum + length + RECORD_HEADER, 0)

describeStores('copies', (bench) => {
  it('counts files of versions, earlier ones and deleted ones too, once each', async () => {
    const b = bench()
    await b.addServers(4)
    const [one, two] = [await b.volume(0, 1, 2), await b.volume(0, 1, 3)]
    await b.commit(
      b.write('/a', b.chunk(one, 10)),
      b.write('/a', b.chunk(one, 20)),
      b.write('/b', b.chunk(one, 30)),
    )
    await b.delete('/b')
    await b.touch('/empty')
    await storeLong(b, '/long', [b.chunk(one, 40), b.chunk(two, 50), b.chunk(one, 60)])
    const [inOne, inTwo] = [record(10, 20, 30, 40, 60), record(50)]
    expect(await counted(b, viewOf(b))).toEqual([`3: 4 in 2 with ${inOne + inTwo}`])
    expect(await counted(b, viewOf(b, { dead: [3] }))).toEqual([
      `2: 1 in 1 with ${inTwo}`,
      `3: 3 in 1 with ${inOne}`,
    ])
    expect(await counted(b, viewOf(b, { dead: [0, 1, 3] }))).toEqual([
      `0: 1 in 1 with ${inTwo}`,
      `1: 3 in 1 with ${inOne}`,
    ])
    // Step by step it is the same.
    expect(await counted(b, viewOf(b, { dead: [3] }), 1)).toEqual([
      `2: 1 in 1 with ${inTwo}`,
      `3: 3 in 1 with ${inOne}`,
    ])
  })

  it('counts no upload that is under way or was abandoned', async () => {
    const b = bench()
    await b.addServers(3)
    const [one, two] = [await b.volume(), await b.volume()]
    const [going, abandoned] = [b.nextId(), b.nextId()]
    for (const upload of [going, abandoned])
      await b.commit(stage(b, upload, 0, b.chunk(one, 10)), stage(b, upload, 10, b.chunk(two, 10)))
    await b.commit({ kind: 'abandon', id: b.nextId(), upload: abandoned })
    expect(await counted(b, viewOf(b))).toEqual([])
    await b.commit(b.write('/done', null, { size: 20, upload: going }))
    expect(await counted(b, viewOf(b))).toEqual([`3: 1 in 2 with ${record(10, 10, 10, 10)}`])
  })

  it('what is written while a count goes on never makes less than there was', async () => {
    const b = bench()
    await b.addServers(3)
    const volumes = [await b.volume(), await b.volume(), await b.volume()]
    for (const volume of volumes) await b.commit(b.write(`/${volume.volume}`, b.chunk(volume, 10)))
    const tallying = b.store.tally(viewOf(b, { dead: [0] }))
    expect(await tallying.step(1)).toBeNull()
    await storeLong(
      b,
      '/meanwhile',
      volumes.map((volume) => b.chunk(volume, 10)),
    )
    await b.store.sealVolumes([volumes[0]!.volume], 'for the test', 0)
    let tally = await tallying.step(1)
    while (tally === null) tally = await tallying.step(1)
    const files = tally.cells.reduce((sum, cell) => sum + cell.files, 0)
    expect(files).toBeGreaterThanOrEqual(3)
    expect(tally.cells.every((cell) => cell.files >= 0)).toBe(true)
  })

  it('explains a file by its parts, from any byte on', async () => {
    const b = bench()
    await b.addServers(4)
    const [one, two] = [await b.volume(0, 1, 2), await b.volume(0, 1, 3)]
    await storeLong(b, '/d/long', [b.chunk(one, 40), b.chunk(one, 10), b.chunk(two, 50)])
    const view = viewOf(b, { dead: [3], unheard: [1] })
    const explanation = await b.store.explainFile({ path: '/d/long', fromByte: 0 }, view)
    expect(explanation).toMatchObject({
      path: '/d/long',
      size: 100,
      promised: 3,
      wanted: 3,
      condition: 'short',
      good: 1,
      next: null,
    })
    expect(
      explanation.parts.map(({ start, length, chunks, good, copies }) => [
        start,
        length,
        chunks,
        good,
        copies.map(({ server, condition }) => `${server} ${condition}`),
      ]),
    ).toEqual([
      [0, 50, 2, 2, ['chunk-0 good', 'chunk-1 not-heard', 'chunk-2 good']],
      [50, 50, 1, 1, ['chunk-0 good', 'chunk-1 not-heard', 'chunk-3 server-gone']],
    ])
    const rest = await b.store.explainFile({ path: '/d/long', fromByte: 60 }, view)
    expect(rest.parts.map(({ start }) => start)).toEqual([50])
    await b.touch('/empty')
    expect(await b.store.explainFile({ path: '/empty', fromByte: 0 }, view)).toMatchObject({
      condition: 'whole',
      parts: [],
      says: 'It has no bytes, and needs no copy.',
    })
  })

  it('refuses to explain what is no file', async () => {
    const b = bench()
    await b.addServers(1)
    await b.makeDirectory('/d')
    await b.link('/l')
    const codeOf = (at: string) =>
      b.store.explainFile({ path: at, fromByte: 0 }, viewOf(b)).then(
        () => 'ok',
        (error: { code: string }) => error.code,
      )
    expect(await Promise.all(['/d', '/l', '/none', '/l/x', '/a//b'].map(codeOf))).toEqual([
      'IS_A_DIRECTORY',
      'IS_A_LINK',
      'FILE_NOT_FOUND',
      'NOT_A_DIRECTORY',
      'INVALID_PATH',
    ])
  })

  it('lists current files that are lost or short, in the order of their paths, page by page', async () => {
    const b = bench()
    await b.addServers(4)
    // The first server is the primary of all, and dead.
    const [whole, lost, short] = [await b.volume(), await b.volume(0), await b.volume(0, 1, 2)]
    await b.commit(
      b.write('/b/whole', b.chunk(whole, 1)),
      b.write('/b/lost', b.chunk(lost, 2)),
      b.write('/a', b.chunk(short, 3)),
      b.write('/c/d/e', b.chunk(lost, 4)),
      b.write('/gone', b.chunk(lost, 5)),
      b.write('/over', b.chunk(lost, 6)),
      b.write('/over', b.chunk(whole, 7)),
    )
    await b.delete('/gone')
    await b.touch('/c/empty')
    await storeLong(b, '/c/long', [b.chunk(whole, 8), b.chunk(short, 9), b.chunk(lost, 10)])
    const view = viewOf(b, { dead: [0] })
    const listed = async (state: 'lost' | 'short', filesMax: number): Promise<WeakFile[]> => {
      const files: WeakFile[] = []
      let after: string | null = null
      do {
        const page = await b.store.weakFiles({ state, after, filesMax }, view)
        expect(page.files.length).toBeLessThanOrEqual(filesMax)
        files.push(...page.files)
        after = page.next
      } while (after !== null)
      return files
    }
    for (const filesMax of [1, 2, 500]) {
      expect(await listed('lost', filesMax)).toEqual([
        { path: '/b/lost', size: 2, condition: 'lost', good: 0 },
        { path: '/c/d/e', size: 4, condition: 'lost', good: 0 },
        { path: '/c/long', size: 27, condition: 'lost', good: 0 },
      ])
      expect((await listed('short', filesMax)).map(({ path: at }) => at)).toEqual([
        '/a',
        '/b/lost',
        '/c/d/e',
        '/c/long',
      ])
    }
  })

  it('does not list as lost what is damaged in every copy, and explains that it can be read', async () => {
    const b = bench()
    await b.addServers(3)
    const volume = await b.volume()
    await b.commit(b.write('/a', b.chunk(volume, 1)), b.write('/b', b.chunk(volume, 2)))
    await b.store.sealVolumes([volume.volume], 'for the test', 0)
    for (const [index, { replica }] of volume.replicas.entries()) {
      const report = { volume: volume.volume, replica, state: 'sealed', lengthBytes: 200 } as const
      const read = { sealedLengthBytes: 200, verifiedToBytes: 0, isFoundDamaged: true }
      await b.store.noteReports(b.servers[index]!, [{ ...report, ...read }], 0)
    }
    const view = viewOf(b)
    const page = { after: null, filesMax: 10 }
    expect(await b.store.weakFiles({ ...page, state: 'lost' }, view)).toMatchObject({ files: [] })
    const damaged = { condition: 'damaged', good: 0 }
    expect(await b.store.weakFiles({ ...page, state: 'short' }, view)).toMatchObject({
      files: [
        { path: '/a', ...damaged },
        { path: '/b', ...damaged },
      ],
    })
    expect(await b.store.explainFile({ path: '/a', fromByte: 0 }, view)).toMatchObject({
      ...damaged,
      says: expect.stringMatching(/^Some part has damaged copies only: it can be read unless /) as string,
    })
  })

  it('looks at a bounded number of entries for a page, which may be empty', async () => {
    const b = bench()
    await b.addServers(1)
    const makes = Array.from({ length: EXPLAINED_ENTRIES_MAX + 5 }, (_, index) =>
      b.command({ kind: 'makeDirectory', path: path(`/d${index}`) }),
    )
    await b.commit(...makes)
    const request = { state: 'lost', filesMax: 10 } as const
    const first = await b.store.weakFiles({ ...request, after: null }, viewOf(b))
    expect(first).toMatchObject({ files: [], examined: EXPLAINED_ENTRIES_MAX, next: expect.any(String) })
    const second = await b.store.weakFiles({ ...request, after: first.next }, viewOf(b))
    expect(second).toMatchObject({ files: [], examined: 5, next: null })
  })
})
