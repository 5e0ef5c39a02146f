/** Over random histories of very long names: a rename is refused if and only if a path would be too long, and each path is found. */
import { PATH_BYTES_MAX } from '@dfs/protocol'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { IN_MEMORY } from '../fixture/engines.ts'
import { path, StoreBench } from '../fixture/store-bench.ts'

/** Directories are chosen by number among those that there are. */
type Step =
  | { kind: 'directory' | 'file'; in: number; name: string }
  | { kind: 'remove'; at: number }
  | { kind: 'move'; from: number; to: number; name: string }

const anyName = fc.constantFrom('a', 'b', 'é'.repeat(110), 'n'.repeat(250), 'm'.repeat(255))
const anyPlace = fc.nat(1000)
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('directory', 'file'), in: anyPlace, name: anyName }),
  fc.record({ kind: fc.constant('move'), from: anyPlace, to: anyPlace, name: anyName }),
  fc.record({ kind: fc.constant('remove'), at: anyPlace }),
)

const bytes = (text: string): number => Buffer.byteLength(text)
const isBelow = (at: string, top: string): boolean => at.startsWith(`${top}/`)

class Model {
  readonly kinds = new Map<string, 'directory' | 'file'>()
  refusalsCount = 0

  directory(index: number): string {
    const all = ['', ...[...this.kinds].filter(([, kind]) => kind === 'directory').map(([at]) => at)]
    return all[index % all.length]!
  }

  withBelow(top: string): string[] {
    return [...this.kinds.keys()].filter((at) => at === top || isBelow(at, top))
  }
}

/** Deep enough that a few long names more or less decide. */
async function begin(b: StoreBench, model: Model): Promise<void> {
  for (const top of ['/x', '/y', '/z']) {
    let at = top
    for (let depth = 0; depth < 12; depth += 1) {
      model.kinds.set(at, 'directory')
      at += `/${'d'.repeat(250)}`
    }
    model.kinds.set(at, 'directory')
    expect(await b.makeDirectory(at)).toBe('ok')
  }
}

async function take(b: StoreBench, model: Model, step: Step): Promise<void> {
  if (step.kind === 'remove') return await remove(b, model, step.at)
  if (step.kind === 'move') return await move(b, model, step)
  const at = `${model.directory(step.in)}/${step.name}`
  if (bytes(at) > PATH_BYTES_MAX || model.kinds.has(at)) return
  const outcome = step.kind === 'file' ? await b.touch(at) : await b.makeDirectory(at)
  expect(outcome).toBe('ok')
  model.kinds.set(at, step.kind)
}

async function remove(b: StoreBench, model: Model, index: number): Promise<void> {
  const at = model.directory(index)
  if (at === '') return
  expect(await b.deleteDirectory(at, true)).toBe('ok')
  for (const each of model.withBelow(at)) model.kinds.delete(each)
}

async function move(b: StoreBench, model: Model, step: Extract<Step, { kind: 'move' }>): Promise<void> {
  const from = model.directory(step.from)
  const to = `${model.directory(step.to)}/${step.name}`
  if (from === '' || bytes(to) > PATH_BYTES_MAX || model.kinds.has(to) || isBelow(to, from)) return
  while (await b.store.measure({ from: path(from), to: path(to) }, true));
  const moved = model.withBelow(from).map((at) => [at, to + at.slice(from.length)] as const)
  const isTooLong = moved.some(([, after]) => bytes(after) > PATH_BYTES_MAX)
  expect(await b.move(from, to)).toBe(isTooLong ? 'INVALID_PATH' : 'ok')
  model.refusalsCount += isTooLong ? 1 : 0
  if (isTooLong) return
  const kinds = moved.map(([at]) => model.kinds.get(at)!)
  for (const [at] of moved) model.kinds.delete(at)
  for (const [index, [, after]] of moved.entries()) model.kinds.set(after, kinds[index]!)
}

it.each(IN_MEMORY)('refuses exactly what would be too long, and finds every path (%s)', async (_, open) => {
  let refusals = 0
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 30 }), async (steps) => {
      const b = new StoreBench(await open())
      await b.addServers(1)
      const model = new Model()
      await begin(b, model)
      for (const step of steps) await take(b, model, step)
      refusals += model.refusalsCount
      for (const [at, kind] of model.kinds) expect(await b.lookup(at)).toMatchObject({ kind })
      await b.store.close()
    }),
    { numRuns: 100 },
  )
  expect(refusals).toBeGreaterThan(0)
})
