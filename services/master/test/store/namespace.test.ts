/** Files, directories and links: what each command does to the tree, and what it refuses. */
import { expect, it } from 'vitest'
import { type CommandSuccess, formatEtag } from '@dfs/protocol'
import { describeStores } from '../fixture/describe-stores.ts'
import { NOW, path } from '../fixture/store-bench.ts'

describeStores('namespace', (bench) => {
  it('writes a file with its parents, and finds it again with all of its attributes', async () => {
    const b = bench()
    await b.addServers(3)
    const chunk = b.chunk(await b.volume(), 42)
    const sha256 = new Uint8Array(32).fill(9)
    const write = b.write('/a/b/c.txt', chunk, { executable: true, sha256, crc32: 0xdeadbeef })
    const [result] = (await b.commit(write)) as [CommandSuccess]
    expect(result).toMatchObject({ ok: true, created: true, copies: 3, decidedMs: NOW })
    const { info, chunks } = await b.file('/a/b/c.txt')
    expect(info.file).toBe(result.entry)
    const attributes = { contentType: 'text/plain', executable: true, sha256, crc32: 0xdeadbeef, size: 42 }
    expect(info).toMatchObject({ ...attributes, version: result.operation, modifiedMs: NOW })
    expect(chunks).toEqual([{ ...chunk, start: 0 }])
    expect(await b.list('/', true)).toEqual(['a', 'a/b', 'a/b/c.txt'])
    expect(await b.store.totals()).toMatchObject({ files: 1, directories: 2, fileBytes: 42 })
  })

  it('overwrites a file, keeps its identity, and serves the older version on', async () => {
    const b = bench()
    await b.addServers(3)
    const order = await b.volume()
    const [old, next] = [b.chunk(order, 10), b.chunk(order, 30)]
    const [first, second] = (await b.commit(b.write('/a', old), b.write('/a', next))) as CommandSuccess[]
    expect([first!.created, second!.created]).toEqual([true, false])
    const now = await b.file('/a')
    expect(now.info).toMatchObject({ version: second!.operation, size: 30 })
    const before = await b.lookup('/a', { version: first!.operation })
    expect(before).toMatchObject({ info: { file: now.info.file, size: 10 }, chunks: [old] })
    expect(await b.lookup('/a', { version: 12345 })).toMatchObject({ code: 'FILE_NOT_FOUND' })
    expect(await b.store.totals()).toMatchObject({ files: 1, fileBytes: 30 })
  })

  it('answers what a path does not lead to', async () => {
    const b = bench()
    await b.addServers(1)
    await b.touch('/file')
    await b.link('/link')
    expect(await b.lookup('/none')).toMatchObject({ kind: 'error', code: 'FILE_NOT_FOUND' })
    expect(await b.lookup('/none/below')).toMatchObject({ kind: 'error', code: 'FILE_NOT_FOUND' })
    expect(await b.lookup('/file/below')).toMatchObject({ kind: 'error', code: 'NOT_A_DIRECTORY' })
    expect(await b.lookup('/link/below')).toMatchObject({ kind: 'error', code: 'NOT_A_DIRECTORY' })
    expect(await b.lookup('/')).toMatchObject({ kind: 'directory' })
    expect(await b.lookup('/link')).toMatchObject({ kind: 'link', target: 'elsewhere' })
  })

  it('refuses writes on and below what is no file', async () => {
    const b = bench()
    await b.addServers(1)
    await b.makeDirectory('/dir')
    await b.touch('/file')
    await b.link('/link')
    expect(await b.touch('/dir')).toBe('IS_A_DIRECTORY')
    expect(await b.touch('/link')).toBe('IS_A_LINK')
    expect(await b.touch('/file/below')).toBe('NOT_A_DIRECTORY')
    expect(await b.touch('/link/x/y')).toBe('NOT_A_DIRECTORY')
    expect(await b.link('/file')).toBe('FILE_EXISTS')
    expect(await b.link('/dir')).toBe('IS_A_DIRECTORY')
    expect(await b.makeDirectory('/file')).toBe('FILE_EXISTS')
    expect(await b.makeDirectory('/file/x')).toBe('NOT_A_DIRECTORY')
    expect(await b.list('/', true)).toEqual(['dir', 'file', 'link'])
  })

  it('decides preconditions by RFC 9110', async () => {
    const b = bench()
    await b.addServers(1)
    expect(await b.touch('/a', { ifMatch: '*' })).toBe('PRECONDITION_FAILED')
    expect(await b.touch('/a', { ifMatch: [1] })).toBe('PRECONDITION_FAILED')
    expect(await b.touch('/a', { ifNoneMatch: '*' })).toBe('ok')
    expect(await b.touch('/a', { ifNoneMatch: '*' })).toBe('PRECONDITION_FAILED')
    expect(await b.touch('/a', { mustCreate: true })).toBe('FILE_EXISTS')
    const { version } = (await b.file('/a')).info
    expect(await b.touch('/a', { ifNoneMatch: [version] })).toBe('PRECONDITION_FAILED')
    // Dates of HTTP have whole seconds: a file is not newer than the second in which it was made.
    const second = Math.floor(b.now.wallMs / 1000) * 1000
    expect(await b.touch('/dated', { unmodifiedSinceMs: 0 }), 'nothing is there').toBe('ok')
    expect(await b.touch('/dated', { unmodifiedSinceMs: second - 1000 })).toBe('PRECONDITION_FAILED')
    expect(await b.touch('/dated', { unmodifiedSinceMs: second })).toBe('ok')
    expect(await b.touch('/a', { ifMatch: [version + 1] })).toBe('PRECONDITION_FAILED')
    expect((await b.file('/a')).info.version).toBe(version)
    expect(await b.touch('/a', { ifMatch: [1, version] })).toBe('ok')
    expect(await b.touch('/a', { ifMatch: [version] })).toBe('PRECONDITION_FAILED')
    expect(await b.delete('/a', { ifMatch: [version] })).toBe('PRECONDITION_FAILED')
    expect(await b.delete('/none', { ifMatch: '*' })).toBe('FILE_NOT_FOUND')
    expect(await b.delete('/a', { ifMatch: '*' })).toBe('ok')
  })

  it('decides a batch in order, and one failure does not undo its neighbours (R17)', async () => {
    const b = bench()
    await b.addServers(3)
    const order = await b.volume()
    const mustCreate = { ifMatch: null, ifNoneMatch: null, mustCreate: true }
    const results = await b.commit(
      b.write('/d/a', b.chunk(order, 1), { precondition: mustCreate }),
      b.write('/d/a', b.chunk(order, 2), { precondition: mustCreate }),
      b.write('/d/b', b.chunk(order, 3)),
    )
    expect(results.map((result) => (result.ok ? 'ok' : result.code))).toEqual(['ok', 'FILE_EXISTS', 'ok'])
    expect((await b.file('/d/a')).info.size).toBe(1)
    expect((await b.file('/d/b')).info.size).toBe(3)
  })

  it('stages a large write in order, once, and shows it only when it is whole (R11)', async () => {
    const b = bench()
    await b.addServers(3)
    const order = await b.volume()
    const upload = b.nextId()
    const stage = (start: number, length: number) =>
      b.command({ kind: 'stage', upload, start, chunk: b.chunk(order, length) })
    const [first, second] = [stage(0, 100), stage(100, 50)]
    expect(await b.commit(first, second)).toMatchObject([{ ok: true }, { ok: true }])
    expect(await b.commit(second)).toMatchObject([{ ok: true }])
    expect(await b.outcome(stage(100, 1))).toBe('INVALID_REQUEST')
    expect(await b.outcome(stage(151, 1))).toBe('INVALID_REQUEST')
    expect(await b.lookup('/large')).toMatchObject({ code: 'FILE_NOT_FOUND' })
    expect(await b.outcome(b.write('/large', null, { size: 150 }))).toBe('INVALID_REQUEST')
    expect(await b.outcome(b.write('/large', null, { upload, size: 150 }))).toBe('ok')
    expect((await b.file('/large')).chunks.map(({ start, length }) => [start, length])).toEqual([
      [0, 100],
      [100, 50],
    ])
  })

  it('refuses a final write of another size than was staged', async () => {
    const b = bench()
    await b.addServers(3)
    const upload = b.nextId()
    const chunk = b.chunk(await b.volume(), 100)
    await b.commit(b.command({ kind: 'stage', upload, start: 0, chunk }))
    expect(await b.outcome(b.write('/a', null, { upload, size: 99 }))).toBe('INVALID_REQUEST')
  })

  it('refuses a final write with a chunk beside its upload, or with an upload of somebody else', async () => {
    const b = bench()
    await b.addServers(3)
    const order = await b.volume()
    const upload = b.nextId()
    await b.commit(b.command({ kind: 'stage', upload, start: 0, chunk: b.chunk(order, 100) }))
    expect(await b.outcome(b.write('/a', b.chunk(order, 100), { upload }))).toBe('INVALID_REQUEST')
    const id = b.nextId(b.servers[1])
    const foreign = b.write('/a', null, { id, upload, size: 100 })
    expect(await b.commitAs(b.servers[1]!, [foreign])).toMatchObject([{ code: 'INVALID_REQUEST' }])
    expect(await b.outcome(b.write('/a', null, { upload, size: 100 }))).toBe('ok')
  })

  it('forgets an abandoned upload', async () => {
    const b = bench()
    await b.addServers(3)
    const upload = b.nextId()
    const chunk = b.chunk(await b.volume(), 100)
    await b.commit(b.command({ kind: 'stage', upload, start: 0, chunk }))
    expect(await b.outcome(b.command({ kind: 'abandon', upload }))).toBe('ok')
    expect(await b.outcome(b.command({ kind: 'abandon', upload }))).toBe('ok')
    expect(await b.outcome(b.write('/a', null, { upload, size: 100 }))).toBe('INVALID_REQUEST')
  })

  it('pages chunks from the one that holds a byte, also by version after the file is gone (R13)', async () => {
    const b = bench()
    await b.addServers(3)
    const order = await b.volume()
    const upload = b.nextId()
    const stages = Array.from({ length: 70 }, (_, index) =>
      b.command({ kind: 'stage', upload, start: index * 10, chunk: b.chunk(order, 10) }),
    )
    await b.commit(...stages, b.write('/large', null, { upload, size: 700 }))
    const { info, chunks } = await b.file('/large')
    expect(chunks).toHaveLength(64)
    const starts = async (fromByte: number, chunksMax: number) => {
      const [page] = await b.store.lookupBatch([
        { by: 'version', file: info.file, version: info.version, fromByte, chunksMax },
      ])
      return page!.kind === 'file' ? page!.chunks.map(({ start }) => start) : page
    }
    await b.delete('/large')
    expect(await starts(0, 2)).toEqual([0, 10])
    expect(await starts(19, 2)).toEqual([10, 20])
    expect(await starts(20, 1)).toEqual([20])
    expect(await starts(699, 5)).toEqual([690])
    expect(await starts(700, 5)).toEqual([])
    expect(await starts(0, 0)).toEqual([])
  })

  it('moves files, links and directories, with all that is below', async () => {
    const b = bench()
    await b.addServers(1)
    await b.touch('/a/deep/file')
    await b.link('/a/link')
    const { version } = (await b.file('/a/deep/file')).info
    await b.makeDirectory('/to')
    expect(await b.move('/a', '/to/b')).toBe('ok')
    expect(await b.list('/', true)).toEqual(['to', 'to/b', 'to/b/deep', 'to/b/deep/file', 'to/b/link'])
    expect((await b.file('/to/b/deep/file')).info.version).toBe(version)
    expect(await b.lookup('/a/deep/file')).toMatchObject({ code: 'FILE_NOT_FOUND' })
    expect(await b.touch('/a/deep/other')).toBe('ok')
    expect(await b.list('/to/b/deep')).toEqual(['file'])
  })

  it('replaces a file or link by a move, never a directory', async () => {
    const b = bench()
    await b.addServers(1)
    for (const file of ['/f', '/g', '/d/x']) await b.touch(file)
    await b.makeDirectory('/e')
    await b.link('/l')
    expect(await b.move('/f', '/d')).toBe('IS_A_DIRECTORY')
    expect(await b.move('/d', '/e')).toBe('IS_A_DIRECTORY')
    expect(await b.move('/d', '/f')).toBe('NOT_A_DIRECTORY')
    expect(await b.move('/d', '/l')).toBe('NOT_A_DIRECTORY')
    expect(await b.move('/d', '/d/y')).toBe('MOVE_INTO_ITSELF')
    expect(await b.move('/', '/d/y')).toBe('MOVE_INTO_ITSELF')
    expect(await b.move('/d', '/d')).toBe('ok')
    expect(await b.move('/d', '/dd')).toBe('ok')
    expect(await b.move('/none', '/x')).toBe('FILE_NOT_FOUND')
    expect(await b.move('/f', '/none/x')).toBe('DIRECTORY_NOT_FOUND')
    expect(await b.move('/f', '/g/x')).toBe('NOT_A_DIRECTORY')
    expect(await b.move('/f', '/')).toBe('IS_A_DIRECTORY')
    expect(await b.move('/f', '/g')).toBe('ok')
    expect(await b.move('/g', '/l')).toBe('ok')
    expect(await b.list('/', true)).toEqual(['dd', 'dd/x', 'e', 'l'])
    expect(await b.store.totals()).toMatchObject({ files: 2, links: 0, directories: 2 })
  })

  it('replaces a link by a link', async () => {
    const b = bench()
    await b.addServers(1)
    await b.link('/l', 'one')
    await b.link('/l', 'two')
    expect(await b.lookup('/l')).toMatchObject({ kind: 'link', target: 'two' })
    expect(await b.store.totals()).toMatchObject({ links: 1 })
    expect(await b.delete('/l')).toBe('ok')
    expect(await b.store.totals()).toMatchObject({ links: 0 })
  })

  it('deletes by kind', async () => {
    const b = bench()
    await b.addServers(1)
    await b.touch('/d/f')
    expect(await b.delete('/d')).toBe('IS_A_DIRECTORY')
    expect(await b.deleteDirectory('/d/f', true)).toBe('NOT_A_DIRECTORY')
    expect(await b.deleteDirectory('/none', true)).toBe('DIRECTORY_NOT_FOUND')
    expect(await b.deleteDirectory('/', true)).toBe('INVALID_REQUEST')
    expect(await b.deleteDirectory('/d', false)).toBe('DIRECTORY_NOT_EMPTY')
    expect(await b.delete('/d/f')).toBe('ok')
    expect(await b.deleteDirectory('/d', false)).toBe('ok')
    expect(await b.list('/', true)).toEqual([])
  })

  it('deletes a tree at once, and makes a new one under its name that is empty', async () => {
    const b = bench()
    await b.addServers(3)
    const order = await b.volume()
    for (const at of ['/t/a', '/t/u/b', '/t/u/v/c']) await b.commit(b.write(at, b.chunk(order, 10)))
    await b.link('/t/l')
    await b.commit(b.write('/keep', b.chunk(order, 5)))
    expect(await b.deleteDirectory('/t', true)).toBe('ok')
    expect(await b.lookup('/t/u/b')).toMatchObject({ code: 'FILE_NOT_FOUND' })
    await b.touch('/t/u/new')
    expect(await b.list('/t', true)).toEqual(['u', 'u/new'])
    while (await b.store.countDeleted());
    expect(await b.store.totals()).toMatchObject({ files: 2, directories: 2, links: 0, fileBytes: 5 })
  })

  it('counts what a large deleted tree held in bounded steps', async () => {
    const b = bench()
    await b.addServers(1)
    const files = Array.from({ length: 2500 }, (_, index) => b.write(`/t/${index % 3}/${index}`, null))
    for (let at = 0; at < files.length; at += 500) await b.commit(...files.slice(at, at + 500))
    await b.deleteDirectory('/t', true)
    let steps = 1
    while (await b.store.countDeleted()) steps += 1
    expect(steps).toBeGreaterThan(2)
    expect(await b.store.totals()).toMatchObject({ files: 0, directories: 0 })
  })

  it('lists in order of UTF-8 bytes, which is not the order of UTF-16 units', async () => {
    const b = bench()
    await b.addServers(1)
    const names = ['\u{1F600}', '\uFF5E', 'z', 'Z', 'é', 'e\u0301', 'a b', 'a', 'ab', '-']
    for (const name of names) await b.touch(`/${name}`)
    const expected = names.toSorted((a, b2) => Buffer.compare(Buffer.from(a), Buffer.from(b2)))
    expect(await b.list('/')).toEqual(expected)
    expect(expected).not.toEqual(names.toSorted())
  })

  it('lists pages that join to the whole, flat and recursively', async () => {
    const b = bench()
    await b.addServers(1)
    const paths = ['/a/1', '/a/b/2', '/a/b/c/3', '/a.txt', '/a-', '/b', '/z/y/x', '/z/y/é']
    for (const at of paths) await b.touch(at)
    for (const recursive of [false, true]) {
      const whole = await b.list('/', recursive)
      for (const entriesMax of [1, 2, 3]) {
        const joined: string[] = []
        let after: string | null = null
        for (let hasMore = true; hasMore;) {
          const page = await b.store.list({ path: '/', after, entriesMax, recursive })
          joined.push(...page.entries.map((entry) => entry.path))
          hasMore = page.hasMore
          after = joined.at(-1)!
        }
        expect(joined).toEqual(whole)
      }
    }
    expect(await b.list('/', true)).toEqual([
      'a',
      'a/1',
      'a/b',
      'a/b/2',
      'a/b/c',
      'a/b/c/3',
      'a-',
      'a.txt',
      'b',
      'z',
      'z/y',
      'z/y/x',
      'z/y/é',
    ])
  })

  it('goes on after an entry that is gone meanwhile', async () => {
    const b = bench()
    await b.addServers(1)
    for (const at of ['/a/x/1', '/a/y', '/b']) await b.touch(at)
    await b.deleteDirectory('/a/x', true)
    const page = await b.store.list({ path: '/', after: 'a/x/1', entriesMax: 9, recursive: true })
    expect(page.entries.map((entry) => entry.path)).toEqual(['a/y', 'b'])
  })

  it('lists what a client wants to know of each entry', async () => {
    const b = bench()
    await b.addServers(3)
    await b.commit(b.write('/d/f', b.chunk(await b.volume(), 12), { executable: true }))
    await b.link('/d/l', '../x')
    await b.makeDirectory('/d/s')
    const { version } = (await b.file('/d/f')).info
    const { entries } = await b.store.list({ path: 'd/', after: null, entriesMax: 9, recursive: false })
    const attributes = { size: 12, etag: formatEtag(version), contentType: 'text/plain', executable: true }
    expect(entries).toEqual([
      { path: 'f', kind: 'file', ...attributes, modifiedMs: NOW },
      { path: 'l', kind: 'link', target: '../x', modifiedMs: NOW },
      { path: 's', kind: 'directory', modifiedMs: NOW },
    ])
    const listing = (at: string) => b.store.list({ path: at, after: null, entriesMax: 9, recursive: false })
    await expect(listing('/none')).rejects.toMatchObject({ code: 'DIRECTORY_NOT_FOUND' })
    await expect(listing('/d/f')).rejects.toMatchObject({ code: 'NOT_A_DIRECTORY' })
  })

  it('bounds a page, whatever is asked for', async () => {
    const b = bench()
    await b.addServers(1)
    for (let at = 0; at < 1100; at += 550) {
      await b.commit(...Array.from({ length: 550 }, (_, index) => b.write(`/${at + index}`, null)))
    }
    const page = await b.store.list({ path: '/', after: null, entriesMax: 5000, recursive: false })
    expect(page).toMatchObject({ hasMore: true })
    expect(page.entries).toHaveLength(1000)
    const last = await b.store.list({
      path: '/',
      after: page.entries.at(-1)!.path,
      entriesMax: 100,
      recursive: false,
    })
    expect(last).toMatchObject({ hasMore: false })
    expect(last.entries).toHaveLength(100)
  })

  it('takes names that look like properties of objects', async () => {
    const b = bench()
    await b.addServers(1)
    for (const name of ['__proto__', 'constructor', 'a\'b"c', '%'])
      expect(await b.touch(`/${name}/x`)).toBe('ok')
    expect((await b.list('/', true)).length).toBe(8)
    expect(path('/__proto__')).toBe('/__proto__')
  })
})
