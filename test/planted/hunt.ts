/** Looks for a planted bug: first with the test that it names, then with the simulator, seed by seed. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { type PlantedBug } from './planted-bug.ts'

export interface Catch {
  readonly bug: PlantedBug
  /** What has found it; null where nothing did. */
  readonly foundBy: string | null
  readonly tookMs: number
}

const SEEDS_MAX = 60

export async function hunt(bug: PlantedBug, root: string): Promise<Catch> {
  const startedMs = performance.now()
  const foundBy = (await huntWithTest(bug, root)) ?? (await huntWithSimulator(bug, root))
  return { bug, foundBy, tookMs: performance.now() - startedMs }
}

async function huntWithTest({ test }: PlantedBug, root: string): Promise<string | null> {
  if (test === undefined) return null
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const { exitCode, output } = await run([vitest, 'run', test], root)
  if (exitCode === 0) return null
  // A test that could not even begin proves nothing.
  if (!/\d+ failed/.test(output) || isNonsense(output)) throw new Error(`${test} did not run:\n${output}`)
  return test
}

async function huntWithSimulator({ seedsMax = SEEDS_MAX }: PlantedBug, root: string): Promise<string | null> {
  const simulate = join(root, 'test/simulation/command/simulate.ts')
  const { exitCode, output } = await run([simulate, '--seeds', String(seedsMax), '--jobs', '1'], root)
  if (exitCode === 0) return null
  const [, seed, reason] = /^seed (\d+) FAILED\n(.*)/m.exec(output) ?? []
  if (seed === undefined || isNonsense(output)) throw new Error(`the simulator did not run:\n${output}`)
  return `seed ${seed}: ${reason}`
}

/** The edit has made no program of it. What cannot be parsed as JSON is no program, but damaged bytes that were believed. */
const isNonsense = (output: string): boolean => /SyntaxError(?!.*JSON)|ReferenceError|ERR_MODULE/.test(output)

function run(argv: readonly string[], cwd: string): Promise<{ exitCode: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const environment = { ...process.env, NO_COLOR: '1' }
    const child = spawn(process.execPath, argv, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
    const pieces: Buffer[] = []
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (piece: Buffer) => pieces.push(piece))
    child.on('error', reject)
    child.on('close', (exitCode) => resolve({ exitCode, output: Buffer.concat(pieces).toString() }))
  })
}
