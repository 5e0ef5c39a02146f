/**
 * `dfs recover` on a machine where nothing of the master is left: from copies that chunk servers hold, and from a backup; and all that
 * it must refuse, after which nothing is there that was not there before, and no server was told of anything.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { checkBooks, Findings, sqliteDump } from '@dfs/fsck'
import { type FoundRecord, HISTORY_STARTS, MASTER_SILENT_MS, UNCONDITIONAL } from '@dfs/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NOW, PlayedCluster } from './played-cluster.ts'

let cluster: PlayedCluster
let target: string

beforeEach(async () => {
  cluster = await PlayedCluster.make()
  target = cluster.at('new/master')
})
afterEach(() => cluster[Symbol.asyncDispose]())

const key = (): string[] => ['--key', cluster.at('cluster.key')]
const fromServer = (...more: readonly string[]): string[] => [
  target,
  ...key(),
  '--server',
  cluster.servers[0]!.address,
  ...more,
]
const fromBackup = (file: string, ...more: readonly string[]): string[] => [
  target,
  ...key(),
  '--backup',
  file,
  ...more,
]

/** What contradicts itself in a database. */
function faults(file: string): unknown[] {
  const database = new DatabaseSync(file)
  try {
    const dump = sqliteDump((sql, ...parameters) => database.prepare(sql).iterate(...parameters))
    const findings = new Findings()
    checkBooks(dump, [...dump.volumes()], findings)
    return [...findings.report().findings]
  } finally {
    database.close()
  }
}

function expectNothingChanged(): void {
  expect(existsSync(target)).toBe(false)
  expect(cluster.servers.flatMap(({ told }) => told)).toEqual([])
}

const refusal = (code: number, said: RegExp): object => ({
  code,
  stderr: expect.stringMatching(said) as string,
})

describe('from copies on chunk servers', () => {
  it('finds all of them by one, takes the metadata, and begins a new history on each', async () => {
    await cluster.change(async (store) => {
      const sender = { server: cluster.servers[0]!.serverId!, incarnation: 5 }
      const command = { kind: 'makeDirectory', path: '/kept', id: { ...sender, number: 1 } } as never
      await store.commitBatch([{ ...sender, watermark: 0, commands: [command] }], {
        wallMs: NOW,
        clusterMs: 0,
      })
    })
    await cluster.shareCopies()
    const { counter } = cluster.servers[0]!.seen!
    const ended = await cluster.recover(fromServer('--yes'))
    expect(ended, ended.stdout + ended.stderr).toMatchObject({ code: 0 })
    expect(ended.stdout).toMatch(/The newest copy of the metadata: that of chunk-server-\d/)
    expect(ended.stdout).toMatch(/No server has seen more than that/)
    for (const { told } of cluster.servers)
      expect(told).toMatchObject([{ counter: counter + HISTORY_STARTS }])
    expect(readdirSync(target)).toEqual(['metadata.db'])
    expect(statSync(join(target, 'metadata.db')).mode & 0o077).toBe(0)
    expect(faults(join(target, 'metadata.db'))).toEqual([])
    const store = await cluster.openStore('new/master', 9)
    expect(
      (await store.list({ path: '/', after: null, entriesMax: 9, recursive: false })).entries,
    ).toMatchObject([{ path: 'kept' }])
    expect(store.recovering.view()).toMatchObject({ confirmedWallMs: null, copyAt: { start: counter } })
    await store.close()
  })

  it('changes nothing before consent, and leaves nothing', async () => {
    await cluster.shareCopies()
    const ended = await cluster.recover(fromServer(), 'no')
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('Nothing was changed') })
    expectNothingChanged()
    mkdirSync(target, { recursive: true })
    await cluster.recover(fromServer(), 'no')
    expect(readdirSync(target), 'what was there stays').toEqual([])
  })

  it('says that most of the holders were not reached, and needs them named', async () => {
    const [, second, third] = cluster.servers.map(({ serverId }) => serverId!)
    await cluster.change(async (store) => {
      await store.holding.propose([cluster.servers[0]!.serverId!, second!, third!])
      await store.holding.settle()
    })
    await cluster.shareCopies()
    for (const index of [1, 2]) await cluster.silence(index)
    expect(await cluster.recover(fromServer('--yes'))).toMatchObject(
      refusal(4, /no answer from chunk-server-2, chunk-server-3.*--lost/),
    )
    expectNothingChanged()
    const ended = await cluster.recover(
      fromServer('--yes', '--lost', 'chunk-server-2', '--lost', 'chunk-server-3'),
    )
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    expect(ended.stdout).toMatch(/1 of 3 servers answered/)
    expect(ended.stdout).toMatch(/an old master that reaches them could still go on/)
  })

  it('refuses if nobody answers, or nobody has a copy, or a master was heard', async () => {
    expect(await cluster.recover(fromServer('--yes'))).toMatchObject(
      refusal(4, /no server that answers has a whole copy/),
    )
    await cluster.shareCopies()
    cluster.servers[1]!.masterSilentMs = MASTER_SILENT_MS - 1
    expect(await cluster.recover(fromServer('--yes'))).toMatchObject(
      refusal(4, /a master answered chunk-server-2/),
    )
    cluster.servers[1]!.masterSilentMs = MASTER_SILENT_MS
    await cluster.silence(0)
    expect(await cluster.recover(fromServer('--yes'))).toMatchObject(
      refusal(4, /no answer from 127\.0\.0\.1:\d+: name chunk servers/),
    )
    expectNothingChanged()
  })

  it('refuses what a server has seen while somebody was thinking', async () => {
    await cluster.shareCopies()
    let asked = 0
    const [first] = cluster.servers as [(typeof cluster.servers)[number]]
    first.beforeTestimony = () => {
      asked += 1
      if (asked === 3) first.seen = { ...first.seen!, sequence: 10_000 }
    }
    expect(await cluster.recover(fromServer(), 'begin')).toMatchObject(
      refusal(4, /has seen more since it was asked/),
    )
    expectNothingChanged()
  })

  it('refuses the key of another cluster, and the address for clients', async () => {
    await cluster.shareCopies()
    writeFileSync(cluster.at('other.key'), `${'0123456789abcdef'.repeat(4)}\n`, { mode: 0o600 })
    const [address] = cluster.servers.map((played) => played.address) as [string]
    const other = [target, '--key', cluster.at('other.key'), '--server', address, '--yes']
    expect(await cluster.recover(other)).toMatchObject(refusal(1, /ACCESS_DENIED.*--key FILE/))
    expectNothingChanged()
  })

  it('refuses a directory with metadata in it, and says what to do', async () => {
    mkdirSync(target, { recursive: true })
    copyFileSync(cluster.database, join(target, 'metadata.db'))
    expect(await cluster.recover(fromServer('--yes'))).toMatchObject(
      refusal(1, /there is a metadata\.db in .*leave them out/),
    )
    expect(await cluster.recover(fromBackup(cluster.backup(), '--yes'))).toMatchObject(
      refusal(1, /leave them out/),
    )
    expect(readdirSync(target)).toEqual(['metadata.db'])
    expect(await cluster.recover([cluster.at('none'), ...key()])).toMatchObject(
      refusal(1, /--server ADDRESS.*--backup FILE/),
    )
  })
})

describe('from a backup', () => {
  it('begins a new history on the servers that it names', async () => {
    const ended = await cluster.recover(fromBackup(cluster.backup(), '--yes'))
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    expect(ended.stdout).toContain('checked by SQLite and whole')
    expect(cluster.servers.every(({ told }) => told.length === 1)).toBe(true)
  })

  it('says that servers have a newer copy, if they have', async () => {
    const backup = cluster.backup()
    await cluster.shareCopies()
    expect((await cluster.recover(fromBackup(backup), 'no')).stdout).not.toContain('newer copy')
    await cluster.change(async () => {})
    await cluster.shareCopies()
    const said = (await cluster.recover(fromBackup(backup), 'no')).stdout
    expect(said).toMatch(/chunk-server-\d has a newer copy of the metadata, of transaction \d+ of start 2/)
  })

  it.each<{ what: string; spoil: (file: string) => void; said: RegExp }>([
    {
      what: 'is no database',
      spoil: (file) => writeFileSync(file, 'text, and a lot of it'),
      said: /is no metadata/,
    },
    {
      what: 'is damaged',
      spoil: (file) => {
        const bytes = readFileSync(file)
        bytes.fill(0xff, 4096 + 8, 4096 + 200)
        writeFileSync(file, bytes)
      },
      said: /is damaged|is no metadata/,
    },
    {
      what: 'is of a newer program',
      spoil: (file) => run(file, 'PRAGMA user_version = 999'),
      said: /schema 999/,
    },
    { what: 'is of something else', spoil: (file) => run(file, 'DROP TABLE state'), said: /is no metadata/ },
    { what: 'is of no cluster yet', spoil: (file) => run(file, 'DELETE FROM state'), said: /is empty/ },
    {
      what: 'has a log beside it',
      spoil: (file) => writeFileSync(`${file}-wal`, 'x'),
      said: /there is a log beside/,
    },
    {
      what: 'is of another cluster',
      spoil: (file) => run(file, "UPDATE state SET cluster_id = 'c2c2'"),
      said: /of cluster [0-9a-f]{32}, the metadata of c2c2/,
    },
    {
      what: 'is newer than all servers',
      spoil: (file) => run(file, 'UPDATE state SET epoch = 77'),
      said: /of start 77, and no server has seen more/,
    },
  ])('refuses one that $what', async ({ spoil, said }) => {
    const file = cluster.backup()
    spoil(file)
    const ended = await cluster.recover(fromBackup(file, '--yes'))
    expect(ended.code).not.toBe(0)
    expect(ended.stderr).toMatch(said)
    expectNothingChanged()
  })

  it('says which file is not there', async () => {
    expect(await cluster.recover(fromBackup(cluster.at('none.db'), '--yes'))).toMatchObject(
      refusal(3, /none\.db/),
    )
    expectNothingChanged()
  })
})

function run(file: string, sql: string): void {
  const database = new DatabaseSync(file)
  database.exec(sql)
  database.close()
}

describe('what servers have and the metadata does not know', () => {
  const SALT = 'ab'.repeat(8)
  const record = (change: Partial<FoundRecord>): FoundRecord => ({
    volume: 0,
    offset: 0,
    path: '/lost',
    start: 0,
    length: 10,
    size: 100,
    crc32: 5,
    server: 9,
    incarnation: 5,
    number: 1,
    ...change,
  })

  /** A file that is there, in an open volume of all servers; resolves to the volume and its copies. */
  async function writeOne(
    kind: 'small' | 'large' = 'small',
  ): Promise<{ volume: number; replicas: number[] }> {
    const made: { volume: number; replicas: number[] }[] = []
    await cluster.change(async (store) => {
      const set = cluster.servers.map(({ serverId }) => ({ server: serverId!, incarnation: 5 }))
      const [primary] = set as [(typeof set)[number]]
      const [order] = await store.allocateVolumes({ primary, kind, number: 1, sets: [set] }, NOW)
      const { volume, replicas } = order!
      const chunk = { volume, offset: 0, recordSize: 100, length: 10, crc32: 5, copies: 3 }
      const write = { kind: 'write', path: '/there', precondition: UNCONDITIONAL, contentType: 'text/plain' }
      const content = { executable: false, size: 10, crc32: 5, sha256: null, chunk, upload: null }
      const command = { ...write, ...content, id: { ...primary, number: 50 } } as never
      const moment = { wallMs: NOW, clusterMs: 0 }
      await store.commitBatch([{ ...primary, watermark: 0, commands: [command] }], moment)
      made.push({ volume, replicas: replicas.map(({ replica }) => replica) })
    })
    return made[0]!
  }

  const held = (volume: number, replica: number, change = {}) => ({
    volume,
    replica,
    kind: 'small' as const,
    salt: SALT,
    sealedLength: null,
    isBeingMade: false,
    primary: { server: cluster.servers[0]!.serverId!, incarnation: 5 },
    ...change,
  })

  it('is sealed behind the last whole record, taken in, and put down for the master', async () => {
    const { volume, replicas } = await writeOne()
    const backup = cluster.backup()
    const unknown = volume + 1000
    const stranger = await cluster.play(3)
    stranger.serverId = volume + 2000
    stranger.seen = cluster.servers[0]!.seen
    for (const [index, played] of cluster.servers.entries()) {
      if (index < 3)
        played.copies = [
          held(volume, replicas[index]!),
          held(unknown, unknown + 1 + index, { kind: 'large' }),
        ]
      const known = { server: cluster.servers[0]!.serverId!, number: 50, path: '/there' }
      played.records = [
        record({ volume, offset: 100, number: 2, path: '/lost/small' }),
        // The same write as the file that is there, stored a second time.
        record({ volume, offset: 200, ...known }),
        record({ volume: unknown, number: 3, path: '/lost/other' }),
        record({ volume: unknown, offset: 100, number: 4, start: 10, path: '/lost/other' }),
      ]
    }
    stranger.copies = [held(unknown, unknown + 9, { kind: 'large' })]
    const ended = await cluster.recover(fromBackup(backup, '--yes', '--relink'))
    expect(ended, ended.stdout + ended.stderr).toMatchObject({ code: 0 })
    expect(ended.stdout).toContain('2 writes in the volumes that the metadata does not know')
    expect(ended.stdout).toMatch(/\/lost\/small +10 B +3 copies +back to its place/)
    expect(ended.stdout).toMatch(/\/lost\/other +20 B +4 copies/)
    expect(ended.stdout).toContain('Servers that the metadata does not know are taken in: chunk-server-4')
    const file = join(target, 'metadata.db')
    expect(faults(file)).toEqual([])
    const database = new DatabaseSync(file)
    expect(database.prepare('SELECT id, state, sealed_length FROM volumes ORDER BY id').all()).toMatchObject([
      { id: volume, state: 2, sealed_length: 300 },
      { id: unknown, state: 2, sealed_length: 200 },
    ])
    expect(
      database.prepare('SELECT count(*) AS count FROM replicas WHERE volume = ?').get(unknown),
    ).toMatchObject({
      count: 4,
    })
    database.close()

    const store = await cluster.openStore('new/master', 9)
    const before = await store.totals()
    const named = await store.recovering.salvage(10, NOW)
    expect(named.map(({ placed }) => placed)).toEqual(['/lost/small', '/lost+found/lost/other'])
    expect((await store.totals()).files).toBe(before.files + 2)
    await store.close()
    expect(faults(file)).toEqual([])
  })

  it('is gone on with: a long write of which the beginning is known', async () => {
    const { volume, replicas } = await writeOne('large')
    const upload = { server: cluster.servers[0]!.serverId!, incarnation: 5, number: 70 }
    await cluster.change(async (store) => {
      const chunk = { volume, offset: 100, recordSize: 100, length: 10, crc32: 5, copies: 3 }
      const stage = { kind: 'stage', upload, start: 0, chunk, id: { ...upload, number: 71 } } as never
      const { server, incarnation } = upload
      const moment = { wallMs: NOW, clusterMs: 0 }
      await store.commitBatch([{ server, incarnation, watermark: 0, commands: [stage] }], moment)
    })
    for (const [index, played] of cluster.servers.entries()) {
      played.copies = [held(volume, replicas[index]!)]
      // Each chunk is stored by a request of its own.
      const of = { ...upload, path: '/long', volume }
      played.records = [
        record({ ...of, offset: 100, number: 72 }),
        record({ ...of, offset: 200, start: 10, number: 73 }),
        record({ ...of, offset: 300, start: 40, number: 74 }),
      ]
    }
    const ended = await cluster.recover(fromBackup(cluster.backup(), '--yes'))
    expect(ended, ended.stdout + ended.stderr).toMatchObject({ code: 0 })
    expect(ended.stdout).toMatch(/\/long +20 B +3 copies +no record says whether more follows byte 19/)
    expect(ended.stdout).toMatch(/\/long\.from-40 +10 B +3 copies +bytes 0 to 39 were not found/)
    const file = join(target, 'metadata.db')
    expect(faults(file)).toEqual([])
    const store = await cluster.openStore('new/master', 9)
    const named = await store.recovering.salvage(10, NOW)
    expect(named.map(({ placed, size }) => [placed, size])).toEqual([
      ['/lost+found/long', 20],
      ['/lost+found/long.from-40', 10],
    ])
    await store.close()
    expect(faults(file)).toEqual([])
  })
})
