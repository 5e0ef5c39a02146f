/** One check of all copies at a time: who takes part, when it is done, and that nobody begins a finished one again. */
import { type CheckProgress, type ServerInfo } from '@dfs/protocol'
import { expect, it } from 'vitest'
import { CopyChecks } from '../src/servers/copy-checks.ts'
import { makeWorld } from './fixture/world.ts'

const server = (id: number, change: Partial<ServerInfo> = {}): ServerInfo => ({
  id,
  name: `chunk-${id}`,
  liveness: 'alive',
  incarnation: 1,
  internalAddress: 'x:1',
  publicPort: 7071,
  advertisedUrl: null,
  zone: '',
  freeBytes: 1,
  totalBytes: 1,
  isFull: false,
  silentForMs: 0,
  damagedRanges: 0,
  repairedRecords: 0,
  ...change,
})

const progress = (id: number, change: Partial<CheckProgress> = {}): CheckProgress => ({
  id,
  copies: 3,
  bytesDone: 100,
  bytesTotal: 300,
  damagedRanges: 0,
  isDone: false,
  ...change,
})

function checksOf(servers: ServerInfo[]): CopyChecks {
  return new CopyChecks({ clock: makeWorld().clock, sessions: { view: () => servers }, epoch: 5 })
}

it('is wanted of every server until each has read all or cannot be reached', () => {
  const servers = [server(1), server(2)]
  const checks = checksOf(servers)
  expect([checks.view(), checks.wanted]).toEqual([null, null])
  const { id } = checks.start()
  expect(checks.start().id, 'it is under way').toBe(id)
  expect(checks.wanted).toBe(id)
  checks.note(1, 1, progress(id, { isDone: true, damagedRanges: 2 }))
  checks.note(2, 1, progress(id))
  checks.note(2, 1, progress(id - 1, { isDone: true }))
  expect(checks.view()).toMatchObject({
    isDone: false,
    servers: [{ state: 'done', damagedRanges: 2 }, { state: 'reading' }],
  })
  servers[1] = server(2, { liveness: 'dead' })
  expect(checks.view()).toMatchObject({
    isDone: true,
    servers: [{ state: 'done' }, { state: 'unreachable' }],
  })
  expect(checks.wanted).toBeNull()
})

it('begins again at a server that restarted, unless it had finished; what is done stays done', () => {
  const servers = [server(1), server(2)]
  const checks = checksOf(servers)
  const { id } = checks.start()
  checks.note(1, 1, progress(id, { isDone: true }))
  checks.note(2, 1, progress(id))
  servers[0] = server(1, { incarnation: 2 })
  servers[1] = server(2, { incarnation: 2 })
  expect(checks.view()).toMatchObject({ servers: [{ state: 'done' }, { state: 'waiting' }] })
  checks.note(2, 2, progress(id, { isDone: true }))
  expect(checks.wanted).toBeNull()
  servers.push(server(3))
  expect([checks.wanted, checks.view()!.isDone]).toEqual([null, true])
  expect(checks.start().id).toBe(id + 1)
})
