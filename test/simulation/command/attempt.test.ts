/** What a worker asks of a seed, the command that repeats it asks as well; and what fails says enough to begin with. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { planSeed } from '../run/run-seed.ts'
import { attempt, secondFile } from './attempt.ts'

/** Short work under one crash. */
const plan = {
  ...planSeed('attempt'),
  faults: [{ id: 0, kind: 'crash', nodes: [1], power: true, atMs: 5000, lastsMs: 3000 }],
} as const

test('a run in which no fault has happened fails', async () => {
  const outcome = await attempt({ ...plan, faults: [] }, { isTwice: false })
  expect(outcome).toMatchObject({ ok: false, kind: 'not exercised' })
})

test('a broken promise comes with what the nodes said last', async () => {
  // Nothing may be assumed of a node that does not exist: the run ends there.
  const broken = { ...plan.faults[0], id: 1, nodes: [99], atMs: 30_000 }
  // While the master is away every server says that it hears nothing.
  const away = { ...plan.faults[0], id: 2, nodes: [0], atMs: 20_000, lastsMs: 8000 }
  const outcome = await attempt({ ...plan, faults: [away, broken] }, { isTwice: true })
  expect(outcome).toMatchObject({ ok: false, kind: 'promise' })
  const words = outcome.ok ? [] : outcome.lastWords
  expect(words.join('\n')).toMatch(/^\S+: the last of \d+ warnings and errors\n {2}\d[\d.]* ms (warn|error) /)
  expect(Math.max(...words.map(({ length }) => length))).toBeLessThan(250)
})

test('the events of two runs are the same, and writing them down changes nothing', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'dfs-events-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const traceFile = join(directory, 'events')
  const written = await attempt(plan, { isTwice: true, traceFile })
  const unwritten = await attempt(plan, { isTwice: false })
  expect(written).toEqual(unwritten)
  const events = await readFile(traceFile, 'utf8')
  expect(events).toMatch(/^\d+\.\d{3} chunk-server-1 crash power$/m)
  expect(events.split('\n').length).toBeGreaterThan(1000)
  expect(await readFile(secondFile(traceFile), 'utf8')).toBe(events)
})
