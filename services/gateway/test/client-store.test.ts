/** Which chunk port stands for the preferred server. */
import { describe, expect, it } from 'vitest'
import { type DfsClient } from '@dfs/client'
import { type ServerView } from '@dfs/protocol'
import { clientStore } from '../src/client-store.ts'

const server = (id: number, url: string, rest: Partial<ServerView> = {}): ServerView => ({
  id,
  url,
  name: `s${id}`,
  zone: 'z',
  liveness: 'alive',
  isPreferred: false,
  freeBytes: 1,
  totalBytes: 1,
  isFull: false,
  silentForMs: 0,
  damagedRanges: 0,
  repairedRecords: 0,
  featureLevel: 2,
  ...rest,
})

function primaryOf(servers: readonly ServerView[]): Promise<number | null> {
  const files = { servers: () => Promise.reject(new Error('is for files')) } as unknown as DfsClient
  const questions = { servers: () => Promise.resolve(servers) } as unknown as DfsClient
  return clientStore(files, questions).primary(new AbortController().signal)
}

describe('the primary', () => {
  it('is counted in the order of public ports, whatever order the servers registered in', async () => {
    const servers = [
      server(1, 'http://localhost:7073'),
      server(2, 'http://localhost:7071'),
      server(3, 'http://localhost:7072', { isPreferred: true }),
    ]
    expect(await primaryOf(servers)).toBe(1)
  })

  it('counts dead servers, so that the others keep their places', async () => {
    const servers = [
      server(1, 'http://localhost:7071', { liveness: 'dead' }),
      server(2, 'http://localhost:7072', { isPreferred: true }),
    ]
    expect(await primaryOf(servers)).toBe(1)
  })

  it('is none without a server that is preferred and not dead', async () => {
    expect(await primaryOf([])).toBeNull()
    expect(await primaryOf([server(1, 'http://localhost:7071')])).toBeNull()
    expect(await primaryOf([server(1, 'http://a:7071', { isPreferred: true, liveness: 'dead' })])).toBeNull()
  })
})
