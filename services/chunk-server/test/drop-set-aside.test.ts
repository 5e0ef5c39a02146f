/** What is to be dropped and cannot be read, and what a power cut has left of what was: nobody waits for it, and nothing stays. */
import { copyLogName, copyStateName, unwrittenStateName } from '@dfs/volume'
import { describe, expect, it } from 'vitest'
import {
  drop,
  dropOf,
  filesOf,
  GOING,
  logOf,
  openStore,
  orderOf,
  record,
  REPLICA,
  STAYING,
  world,
} from './drop-world.ts'

describe('a copy that was set aside', () => {
  it('goes if its note is damaged, so that another one can be made here; if that may be read again it goes then', async () => {
    const its = await world('damaged note')
    its.node.crash('power')
    its.node.disk.flipBit(copyStateName(GOING), 30, 0)
    its.node.restart()
    its.node.disk.faultHook = ({ kind, name }) =>
      kind === 'read' && name === copyStateName(STAYING) ? { kind: 'error', error: 'io' } : null
    its.store = await its.simulation.complete(() => openStore(its))
    expect(its.store.reports()).toEqual([])
    expect((await drop(its)).dropped).toEqual([{ volume: GOING, replica: REPLICA }])
    expect(filesOf(its, GOING)).toEqual([])
    await its.simulation.complete(() => its.store.create(orderOf(GOING, REPLICA + 1), REPLICA + 1))
    // The disk does not give this one: the master, which has dropped it, knows it when it turns up.
    expect((await drop(its, dropOf(STAYING))).dropped).toEqual([{ volume: STAYING, replica: REPLICA }])
    expect(filesOf(its, STAYING)).toEqual([copyLogName(STAYING), copyStateName(STAYING)])
    its.node.disk.faultHook = null
    await its.simulation.run({ untilMs: its.simulation.nowMs + 120_000 })
    const { signal } = new AbortController()
    await its.simulation.complete(() => its.store.lookAgain(signal))
    expect(its.store.takeChangedReports()).toContainEqual(expect.objectContaining({ volume: STAYING }))
    expect((await drop(its, dropOf(STAYING))).dropped).toEqual([{ volume: STAYING, replica: REPLICA }])
    expect(filesOf(its, STAYING)).toEqual([])
  })

  it('goes if its log cannot be opened, and its note says which copy it is', async () => {
    const its = await world('unreadable log')
    its.node.crash('process')
    its.node.restart()
    its.node.disk.faultHook = ({ kind, name }) =>
      kind === 'open' && name.endsWith('.log') ? { kind: 'error', error: 'io' } : null
    its.store = await its.simulation.complete(() => openStore(its))
    expect(its.store.unreadableCount).toBe(2)
    const other = dropOf(STAYING, REPLICA + 1)
    expect((await drop(its, other)).dropped).toEqual([{ volume: STAYING, replica: REPLICA + 1 }])
    expect(filesOf(its, STAYING), 'it is another one').toHaveLength(2)
    expect((await drop(its)).dropped).toEqual([{ volume: GOING, replica: REPLICA }])
    expect([filesOf(its, GOING), its.store.unreadableCount]).toEqual([[], 1])
  })
})

it('what a power cut brings back of a note alone goes at the next start', async () => {
  const its = await world('note of nothing')
  const { simulation, node } = its
  await simulation.complete(async () => {
    for (const volume of [GOING, STAYING]) {
      const unwritten = await node.runtime.disk.open(unwrittenStateName(volume), 'create')
      await unwritten.close()
    }
    await node.runtime.disk.remove(copyStateName(GOING))
    await node.runtime.disk.remove(copyLogName(GOING))
    await openStore(its)
  })
  expect(filesOf(its, GOING)).toEqual([])
  expect(logOf(its, STAYING)).toEqual(record(STAYING))
})
