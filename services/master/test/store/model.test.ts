/** The store against a small model of what a file system is, over random histories. */
import fc from 'fast-check'
import { type ErrorCode } from '@dfs/protocol'
import { expect, it } from 'vitest'
import { IN_MEMORY } from '../fixture/engines.ts'
import { anyStep, commandOf, type Step } from '../fixture/random-steps.ts'
import { StoreBench } from '../fixture/store-bench.ts'

type Node = { kind: 'file'; size: number } | { kind: 'link'; target: string } | { kind: 'directory' }
type Outcome = 'ok' | ErrorCode

/** All paths that exist, each with what stands there; the root is not among them. */
class Model {
  readonly nodes = new Map<string, Node>()

  at(at: string): Node | undefined {
    return at === '/' ? { kind: 'directory' } : this.nodes.get(at)
  }

  /** The proper ancestors, topmost first. */
  parents(at: string): string[] {
    const segments = at.split('/').slice(1, -1)
    return segments.map((_, index) => `/${segments.slice(0, index + 1).join('/')}`)
  }

  isBlocked(at: string): boolean {
    return this.parents(at).some((parent) => (this.at(parent) ?? { kind: 'directory' }).kind !== 'directory')
  }

  below(at: string): string[] {
    return [...this.nodes.keys()].filter((each) => each.startsWith(`${at}/`))
  }

  put(at: string, node: Node): Outcome {
    for (const parent of this.parents(at)) this.nodes.set(parent, { kind: 'directory' })
    this.nodes.set(at, node)
    return 'ok'
  }

  write(at: string, size: number, mustCreate: boolean): Outcome {
    if (this.isBlocked(at)) return 'NOT_A_DIRECTORY'
    const node = this.at(at)
    if (node !== undefined && mustCreate) return 'FILE_EXISTS'
    if (node?.kind === 'directory') return 'IS_A_DIRECTORY'
    if (node?.kind === 'link') return 'IS_A_LINK'
    return this.put(at, { kind: 'file', size })
  }

  link(at: string, target: string): Outcome {
    if (this.isBlocked(at)) return 'NOT_A_DIRECTORY'
    const node = this.at(at)
    if (node?.kind === 'directory') return 'IS_A_DIRECTORY'
    if (node?.kind === 'file') return 'FILE_EXISTS'
    return this.put(at, { kind: 'link', target })
  }

  makeDirectory(at: string): Outcome {
    if (this.isBlocked(at)) return 'NOT_A_DIRECTORY'
    const node = this.at(at)
    if (node !== undefined) return node.kind === 'directory' ? 'ok' : 'FILE_EXISTS'
    return this.put(at, { kind: 'directory' })
  }

  delete(at: string): Outcome {
    if (this.isBlocked(at)) return 'NOT_A_DIRECTORY'
    const node = this.at(at)
    if (node === undefined) return 'FILE_NOT_FOUND'
    if (node.kind === 'directory') return 'IS_A_DIRECTORY'
    this.nodes.delete(at)
    return 'ok'
  }

  deleteDirectory(at: string, recursive: boolean): Outcome {
    if (this.isBlocked(at)) return 'NOT_A_DIRECTORY'
    const node = this.at(at)
    if (node === undefined) return 'DIRECTORY_NOT_FOUND'
    if (node.kind !== 'directory') return 'NOT_A_DIRECTORY'
    const below = this.below(at)
    if (below.length > 0 && !recursive) return 'DIRECTORY_NOT_EMPTY'
    for (const each of [at, ...below]) this.nodes.delete(each)
    return 'ok'
  }

  move(from: string, to: string): Outcome {
    if (this.isBlocked(from)) return 'NOT_A_DIRECTORY'
    const node = this.at(from)
    if (node === undefined) return 'FILE_NOT_FOUND'
    if (node.kind === 'directory' && to.startsWith(`${from}/`)) return 'MOVE_INTO_ITSELF'
    if (this.isBlocked(to)) return 'NOT_A_DIRECTORY'
    if (from === to) return 'ok'
    if (this.parents(to).some((parent) => this.at(parent) === undefined)) return 'DIRECTORY_NOT_FOUND'
    const target = this.at(to)
    if (target?.kind === 'directory') return 'IS_A_DIRECTORY'
    if (target !== undefined && node.kind === 'directory') return 'NOT_A_DIRECTORY'
    const moved = [from, ...this.below(from)].map((each) => [each, this.nodes.get(each)!] as const)
    for (const [each] of moved) this.nodes.delete(each)
    for (const [each, what] of moved) this.nodes.set(to + each.slice(from.length), what)
    return 'ok'
  }

  totals(): object {
    const all = [...this.nodes.values()]
    const count = (kind: Node['kind']): number => all.filter((node) => node.kind === kind).length
    const fileBytes = all.reduce((sum, node) => sum + (node.kind === 'file' ? node.size : 0), 0)
    return { files: count('file'), directories: count('directory'), links: count('link'), fileBytes }
  }
}

function expected(model: Model, step: Step): Outcome {
  switch (step.kind) {
    case 'write':
      return model.write(step.at, step.size, step.mustCreate)
    case 'link':
      return model.link(step.at, `of ${step.at}`)
    case 'move':
      return model.move(step.from, step.to)
    case 'deleteDirectory':
      return model.deleteDirectory(step.at, step.recursive)
    default:
      return model[step.kind](step.at)
  }
}

it.each(IN_MEMORY)('behaves as the model does (%s)', async (_, open) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(anyStep, { maxLength: 6 }), { maxLength: 12 }), async (batches) => {
      const b = new StoreBench(await open())
      await b.addServers(2)
      const [model, order] = [new Model(), await b.volume()]
      for (const batch of batches) {
        const results = await b.commit(...batch.map((step) => commandOf(b, order, step)))
        const outcomes = results.map((result) => (result.ok ? 'ok' : result.code))
        expect(outcomes).toEqual(batch.map((step) => expected(model, step)))
      }
      const depthFirst = [...model.nodes.keys()].toSorted((x, y) => compareSegments(x, y))
      expect(await b.list('/', true)).toEqual(depthFirst.map((at) => at.slice(1)))
      for (const [at, node] of model.nodes) expect(await seen(b, at)).toEqual(node)
      while (await b.store.countDeleted());
      expect(await b.store.totals()).toMatchObject(model.totals())
      await b.store.close()
    }),
    { numRuns: 150 },
  )
})

async function seen(b: StoreBench, at: string): Promise<unknown> {
  const found = await b.lookup(at)
  if (found.kind === 'file') {
    const stored = found.chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    return { kind: 'file', size: found.info.size, ...(stored === found.info.size ? {} : { stored }) }
  }
  return found.kind === 'link' ? { kind: 'link', target: found.target } : { kind: found.kind }
}

function compareSegments(x: string, y: string): number {
  const [left, right] = [x.split('/'), y.split('/')]
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const difference = Buffer.compare(Buffer.from(left[index]!), Buffer.from(right[index]!))
    if (difference !== 0) return difference
  }
  return left.length - right.length
}
