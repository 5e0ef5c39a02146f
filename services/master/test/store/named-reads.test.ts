/**
 * What a batch names is what it reads, also if its commands change what stands in the way of later ones; it decides as an
 * engine does that names nothing; and it takes as many trips as a path has names, not as many as there are commands.
 */
import { InvariantError } from '@dfs/core'
import { seededRandom } from '@dfs/core/testing'
import { type Command, type CommandBody, type CommandResult, UNCONDITIONAL } from '@dfs/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { once } from '../../src/domain/metadata/reads.ts'
import { type Work } from '../../src/domain/metadata/work.ts'
import { everything, openAt } from '../fixture/engines.ts'
import { path, StoreBench } from '../fixture/store-bench.ts'
import { StrictStore } from '../fixture/strict-engine.ts'

let strict: StrictStore
let benches: StoreBench[]

beforeEach(async () => {
  strict = new StrictStore(seededRandom(1))
  benches = [new StoreBench(strict), new StoreBench(await openAt(null))]
  for (const b of benches) await b.addServers(1)
})

afterEach(async () => {
  for (const b of benches) await b.store.close()
})

/** One batch, in both stores; its results, which are the same. */
async function commit(commandsOf: (b: StoreBench) => Command[]): Promise<CommandResult[]> {
  const [named, free] = [
    await benches[0]!.commit(...commandsOf(benches[0]!)),
    await benches[1]!.commit(...commandsOf(benches[1]!)),
  ]
  expect(named).toEqual(free)
  expect(await everything(benches[0]!.store)).toEqual(await everything(benches[1]!.store))
  return named
}

const codes = (results: readonly CommandResult[]): string[] =>
  results.map((result) => (result.ok ? 'ok' : result.code))

const move = (from: string, to: string): CommandBody => ({ kind: 'move', from: path(from), to: path(to) })
const remove = (at: string): CommandBody => ({ kind: 'delete', path: path(at), precondition: UNCONDITIONAL })
const removeDirectory = (at: string, recursive = false): CommandBody => {
  return { kind: 'deleteDirectory', path: path(at), recursive }
}
const make = (at: string): CommandBody => ({ kind: 'makeDirectory', path: path(at) })

describe('a batch', () => {
  it('goes on in a directory that it has moved, and in one that it has put in its place', async () => {
    await commit((b) => [b.write('/a/b/deep/one', null), b.write('/c/two', null)])
    const results = await commit((b) => [
      b.command(move('/a/b', '/moved')),
      b.command(remove('/moved/deep/one')),
      b.command(move('/c', '/a/b')),
      b.command(remove('/a/b/two')),
      b.write('/a/b/deep/one', null),
      b.command(remove('/c/two')),
    ])
    expect(codes(results)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok', 'FILE_NOT_FOUND'])
  })

  it('finds a directory empty that it has emptied, and one that still holds something not', async () => {
    const names = Array.from({ length: 5 }, (_, index) => `n${index}`)
    await commit((b) =>
      names.flatMap((name) => [b.write(`/empty/${name}`, null), b.write(`/full/${name}`, null)]),
    )
    const results = await commit((b) => [
      ...names.map((name) => b.command(remove(`/empty/${name}`))),
      ...names.slice(1).map((name) => b.command(remove(`/full/${name}`))),
      b.command(removeDirectory('/empty')),
      b.command(removeDirectory('/full')),
    ])
    expect(codes(results).slice(-2)).toEqual(['ok', 'DIRECTORY_NOT_EMPTY'])
  })

  it('stages and writes, and repeats under a key, what it has begun itself', async () => {
    const results = await commit((b) => {
      const upload = { ...b.servers[0]!, number: 900 }
      const write = b.write('/keyed', null, { key: 'k' })
      return [write, { ...write, id: b.nextId() }, b.write('/none', null, { upload })]
    })
    expect(results).toMatchObject([{ ok: true }, { ok: true, isReplay: true }, { ok: true }])
  })

  it('takes a trip for each name of the longest path, however many commands there are', async () => {
    await commit((b) => [b.command(make('/a/b/c'))])
    await benches[0]!.commit(
      ...Array.from({ length: 100 }, (_, index) => benches[0]!.write(`/a/b/c/f${index}`, null)),
    )
    expect(strict.engine.trips).toBe(4)
  })

  it('takes no trip for what is below a directory that it has made', async () => {
    await benches[0]!.commit(
      ...Array.from({ length: 100 }, (_, index) => benches[0]!.write(`/new/dir/f${index}`, null)),
    )
    expect(strict.engine.trips).toBe(1)
  })

  it('decides as if nothing is named, whatever follows what', async () => {
    const random = seededRandom(7)
    const pick = <T>(of: readonly T[]): T => of[random.bytes(1)[0]! % of.length]!
    const somewhere = (): string => {
      const depth = pick([1, 2, 3, 4])
      return `/${Array.from({ length: depth }, () => pick(['a', 'b', 'c', 'd', 'e', 'f'])).join('/')}`
    }
    const anything = (): CommandBody | string =>
      pick([
        () => move(somewhere(), somewhere()),
        () => move(somewhere(), somewhere()),
        () => remove(somewhere()),
        () => removeDirectory(somewhere(), pick([true, false])),
        () => make(somewhere()),
        somewhere,
        somewhere,
      ])()
    const seen = new Set<string>()
    for (let batch = 0; batch < 60; batch += 1) {
      const wanted = Array.from({ length: 20 }, anything)
      const results = await commit((b) =>
        wanted.map((each) => (typeof each === 'string' ? b.write(each, null) : b.command(each))),
      )
      for (const code of codes(results)) seen.add(code)
    }
    const usual = ['ok', 'FILE_NOT_FOUND', 'DIRECTORY_NOT_EMPTY', 'NOT_A_DIRECTORY', 'MOVE_INTO_ITSELF']
    expect([...seen]).toEqual(expect.arrayContaining(usual))
  })
})

describe('rows that were not named', () => {
  const reading = function* (named: boolean): Work<unknown> {
    if (named) yield () => once({ kind: 'entry', parent: 1, name: 'a' })
    return strict.engine.rows.entries.find(1, 'a')
  }

  it('are handed out to nobody', async () => {
    expect(await strict.engine.read(reading(true))).toBeUndefined()
    const poisoned = strict
    await expect(poisoned.engine.read(reading(false))).rejects.toThrow(InvariantError)
  })
})
