/** Which server comes first, and who is asked for the list when a node is silent or gone. */
import { ManualClock } from '@dfs/core/testing'
import { type ServerListView, type ServerView } from '@dfs/protocol'
import { beforeEach, describe, expect, test } from 'vitest'
import { AVOID_SERVER_MS_MAX, LIST_STAGGER_MS } from '../src/options.ts'
import { ServerDirectory } from '../src/servers.ts'
import { firstToAnswer } from '../src/staggered.ts'

const ENTRY = 'http://master:1'
const [A, B, C] = ['http://a:1', 'http://b:1', 'http://c:1'] as const

const view = (url: string): ServerView => ({
  id: 1,
  name: url,
  url,
  liveness: 'alive',
  isPreferred: false,
  zone: '',
  freeBytes: 1,
  totalBytes: 1,
  isFull: false,
  silentForMs: 0,
  damagedRanges: 0,
  repairedRecords: 0,
  featureLevel: 2,
})

let clock: ManualClock
let asked: string[]
/** What a node does when it is asked for the list; hangs if it is not named. */
let behaviour: Record<string, 'lists' | 'fails'>
let directory: ServerDirectory

beforeEach(() => {
  clock = new ManualClock()
  asked = []
  behaviour = { [ENTRY]: 'lists', [A]: 'lists', [B]: 'lists', [C]: 'lists' }
  directory = new ServerDirectory({
    clock,
    entryUrl: ENTRY,
    freshMs: 3000,
    avoidMs: 1000,
    ask: async (origin, signal): Promise<ServerListView> => {
      asked.push(origin)
      if (behaviour[origin] === 'fails') throw new Error(`${origin} is gone`)
      if (behaviour[origin] !== 'lists') return await untilAborted(signal)
      return { servers: [view(A), view(B), view(C)] } as ServerListView
    },
  })
})

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))

describe('Servers that failed', () => {
  test('come last, the latest at the very end, and first again when their time has passed', async () => {
    expect(await directory.candidates(false)).toEqual([A, B, C])
    directory.avoid(A)
    clock.jump(10)
    directory.avoid(B)
    expect(await directory.candidates(false)).toEqual([C, A, B])
    clock.jump(1000)
    expect(await directory.candidates(false)).toEqual([A, B, C])
  })

  test('are avoided twice as long each time, until they answer well', async () => {
    await directory.candidates(false)
    const avoidedForMs = async (): Promise<number> => {
      directory.avoid(A)
      let ms = 0
      for (; (await directory.candidates(false))[0] !== A; ms += 500) clock.jump(500)
      return ms
    }
    expect([await avoidedForMs(), await avoidedForMs(), await avoidedForMs()]).toEqual([1000, 2000, 4000])
    for (let count = 0; count < 5; count += 1) await avoidedForMs()
    expect(await avoidedForMs()).toBe(AVOID_SERVER_MS_MAX)
    directory.noteSuccess(A)
    expect(await avoidedForMs()).toBe(1000)
  })
})

describe('The list', () => {
  test('comes from another node when the first one asked hangs, and that one is asked first from then on', async () => {
    await directory.candidates(false)
    delete behaviour[ENTRY]
    asked.length = 0
    clock.jump(3000)
    const listing = directory.candidates(false)
    await clock.turn()
    expect(asked).toEqual([ENTRY])
    clock.jump(LIST_STAGGER_MS)
    expect(await listing).toEqual([A, B, C])
    expect(asked).toEqual([ENTRY, A])
    clock.jump(3000)
    await directory.candidates(false)
    expect(asked).toEqual([ENTRY, A, A])
  })

  test('that nobody gives is not asked for again at once; the old one serves', async () => {
    await directory.candidates(false)
    behaviour = { [ENTRY]: 'fails', [A]: 'fails', [B]: 'fails', [C]: 'fails' }
    clock.jump(3000)
    asked.length = 0
    for (let count = 0; count < 5; count += 1) {
      directory.avoid(A)
      expect(await directory.candidates(false)).toEqual([B, C, A])
    }
    expect(asked).toEqual([ENTRY, A, B, C])
  })

  test('that was never got is an error, that of the node which the user named', async () => {
    behaviour = { [ENTRY]: 'fails' }
    await expect(directory.candidates(false)).rejects.toThrow(`${ENTRY} is gone`)
  })
})

describe('A question to several', () => {
  test('leaves nobody waiting once it is answered', async () => {
    const signals: AbortSignal[] = []
    const hang = (signal: AbortSignal): Promise<never> => {
      signals.push(signal)
      return untilAborted(signal)
    }
    const asking = firstToAnswer([hang, hang, async () => 'answer'], clock, 100)
    await clock.turn()
    clock.jump(100)
    await clock.turn()
    clock.jump(100)
    expect(await asking).toBe('answer')
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
    await clock.turn()
    expect(clock.sleepersCount).toBe(0)
  })

  test('fails with the first failure if all fail, at once', async () => {
    const failing = (name: string) => async (): Promise<never> => {
      throw new Error(name)
    }
    await expect(firstToAnswer([failing('one'), failing('two')], clock, 100)).rejects.toThrow('one')
  })
})
