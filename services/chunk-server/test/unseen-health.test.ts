/** What a chunk server says of the health of the cluster where the master cannot say it: never an error. */
import { Deadlines, TransportError } from '@dfs/core'
import { ManualClock } from '@dfs/core/testing'
import { DfsError, healthView, openContext } from '@dfs/protocol'
import { describe, expect, it } from 'vitest'
import { type MasterSession } from '../src/master/master-session.ts'
import { RemoteNamespace } from '../src/master/remote-namespace.ts'

const clock = new ManualClock()

function namespaceOver(call: () => Promise<unknown>, silentForMs: number | null = 5000): RemoteNamespace {
  const session = { call, silentForMs } as unknown as MasterSession
  return new RemoteNamespace({ clock, deadlines: new Deadlines(clock), session } as never)
}

const healthOver = (call: () => Promise<unknown>, silentForMs?: number | null) =>
  namespaceOver(call, silentForMs).viewHealth(openContext(clock, 'health'))

it('is what the master says', async () => {
  const view = healthView([], { counts: null, atMs: 3 })
  expect(await healthOver(async () => view)).toEqual(view)
})

describe('where the master does not answer', () => {
  const cut = (): Promise<never> =>
    Promise.reject(new TransportError('connection refused', { wasSent: false }))

  it('is unavailable, since it was last heard', async () => {
    const { state, counts, reasons } = await healthOver(cut)
    expect([state, counts]).toEqual(['unavailable', null])
    expect(reasons).toMatchObject([
      {
        code: 'master-unreachable',
        sinceMs: clock.wallMs() - 5000,
        text: expect.stringContaining('connection refused'),
      },
    ])
  })

  it('nobody knows since when, if it was never heard', async () => {
    expect((await healthOver(cut, null)).reasons).toMatchObject([{ sinceMs: null }])
  })
})

describe('where the program of the master is another one', () => {
  it.each([
    ['knows nothing of health', new DfsError('ROUTE_NOT_FOUND', 'POST /v1/cluster/health')],
    ['says what is not understood here', new DfsError('INVALID_REQUEST', '/state must be equal to one of')],
  ])('that %s, it is unknown, with what to do', async (_name, error) => {
    const { state, reasons } = await healthOver(() => Promise.reject(error))
    expect(state).toBe('unknown')
    expect(reasons).toMatchObject([
      { code: 'program-outdated', next: 'Start the newest program on every node.' },
    ])
  })

  it('explanations are refused as what they are', async () => {
    const refused = new DfsError('ROUTE_NOT_FOUND', 'POST /v1/explanations')
    const namespace = namespaceOver(() => Promise.reject(refused))
    const asked = { path: '/a', fromByte: 0 }
    await expect(namespace.explain(asked, openContext(clock, 'why'))).rejects.toBe(refused)
  })
})

it('a bug is no answer', async () => {
  const bug = new TypeError('a bug')
  await expect(healthOver(() => Promise.reject(bug))).rejects.toBe(bug)
})
