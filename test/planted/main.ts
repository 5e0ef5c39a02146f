/**
 * Plants one bug after the other in a copy of the tree and asks whether the tests find it: a test of the tests. Exit code 1
 * where one was not found, or can no longer be planted because its source has changed.
 *
 *   npm run planted-bugs                          all of them
 *   npm run planted-bugs -- 'seal short' --jobs 1   those whose names contain one of the words given
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { type Catch, hunt } from './hunt.ts'
import { type PlantedBug } from './planted-bug.ts'
import { PLANTED_BUGS } from './planted-bugs.ts'
import { TreeCopy } from './tree-copy.ts'

process.exitCode = await main()

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: { jobs: { type: 'string' } }, allowPositionals: true })
  const wanted = PLANTED_BUGS.filter(
    ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
  )
  const queue = [...wanted]
  const jobs = Math.min(Number(values.jobs ?? availableParallelism()), queue.length)
  const catches = await Promise.all(Array.from({ length: jobs }, () => huntAll(queue)))
  const missed = wanted.length - catches.flat().filter(({ foundBy }) => foundBy !== null).length
  console.log(`\n${wanted.length - missed} of ${wanted.length} planted bugs were found`)
  return missed === 0 && wanted.length > 0 ? 0 : 1
}

/** Takes bugs from the queue, each in the same copy of the tree. */
async function huntAll(queue: PlantedBug[]): Promise<Catch[]> {
  const tree = new TreeCopy()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      tree.remove()
      process.exit(130)
    })
  }
  const catches: Catch[] = []
  try {
    for (let bug = queue.shift(); bug !== undefined; bug = queue.shift()) {
      catches.push(await huntOne(tree, bug))
    }
  } finally {
    tree.remove()
  }
  return catches
}

async function huntOne(tree: TreeCopy, bug: PlantedBug): Promise<Catch> {
  try {
    const caught = await tree.with(bug, () => hunt(bug, tree.root))
    const took = `${(caught.tookMs / 1000).toFixed(0)} s`
    console.log(`${caught.foundBy === null ? 'NOT FOUND' : 'found'}  ${bug.name} (${bug.promise})`)
    if (caught.foundBy !== null) console.log(`       by ${caught.foundBy.slice(0, 200)}, ${took}`)
    return caught
  } catch (error) {
    console.log(`NOT PLANTED  ${bug.name}: ${(error as Error).message}`)
    return { bug, foundBy: null, tookMs: 0 }
  }
}
