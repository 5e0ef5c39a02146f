/** What is said of volumes that wait must name the right cause: somebody goes and looks for it. */
import { expect, it } from 'vitest'
import { type Waiting } from '../src/domain/copies/view.ts'
import { RepairStatus, type RepairStatusDeps } from '../src/servers/repair-status.ts'

const SERVERS = [
  { id: 1, name: 'chunk-server-1' },
  { id: 2, name: 'chunk-server-2' },
]
const WAITING: Waiting[] = [{ volume: 7, code: 'waiting-for-majority', servers: [] }]

function textsAt(act: { waitsFor: number[]; waitMs: number }): string[] {
  const deps = { sessions: { view: () => SERVERS } } as unknown as RepairStatusDeps
  const status = new RepairStatus(deps)
  status.note([7], WAITING, { mayAct: false, ...act }, false)
  return status.reasons().map(({ text }) => text)
}

it('names the servers that a majority lacks, and nobody when most are there and only the time is not over', () => {
  expect(textsAt({ waitsFor: [2], waitMs: 0 })).toEqual([
    'waiting for a majority of the servers: chunk-server-2',
  ])
  expect(textsAt({ waitsFor: [], waitMs: 9000 })).toEqual([
    'servers have some time after the start of the master to register',
  ])
})
