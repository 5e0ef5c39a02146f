/**
 * `npm run bench`: the product beside bare baselines in one run, because only their ratio means something on another
 * machine. Exit code 1 when a request failed; missed targets are shown, not punished.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Healing, type HealingResult } from './healing/healing.ts'
import { healingText } from './healing/healing-table.ts'
import { largeFiles } from './large-workloads.ts'
import { type BenchOptions, parseOptions, USAGE } from './options.ts'
import { LoopDelays } from './measure/loop-delay.ts'
import { type Product, startProduct } from './product.ts'
import { type Row } from './row.ts'
import { smallReads, smallWrites, type WorkloadContext } from './small-workloads.ts'
import { tableText } from './table.ts'

/** On the disk of the working copy: the system's directory for temporary files is often memory. */
const DATA_ROOT = fileURLToPath(new URL('../.data/', import.meta.url))

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  return 1
})

async function main(): Promise<number> {
  let options: BenchOptions | 'help'
  try {
    options = parseOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
  if (options === 'help') {
    process.stdout.write(`${USAGE}\n`)
    return 0
  }
  const { rows, healing } = await measure(options)
  process.stdout.write(`\nNode ${process.version}, ${cpus().length} processors\n`)
  if (rows.length > 0) process.stdout.write(`\n${tableText(rows)}`)
  if (healing !== null) process.stdout.write(`\n${healingText(healing)}`)
  if (options.json !== null) {
    const results = { node: process.version, rows, healing: healing?.losses, copies: healing?.copies }
    writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`)
  }
  const hasFailed =
    rows.some((row) => row.failures > 0) ||
    healing?.losses.some(({ failures }) => failures.reads + failures.writes > 0) === true
  return hasFailed ? 1 : 0
}

interface Results {
  readonly rows: readonly Row[]
  /** Null if it was not asked for. */
  readonly healing: HealingResult | null
}

async function measure(options: BenchOptions): Promise<Results> {
  mkdirSync(DATA_ROOT, { recursive: true })
  const directory = mkdtempSync(join(DATA_ROOT, 'bench-'))
  const delays = new LoopDelays()
  delays.watchChildren()
  let product: Product | null = null
  const healing = new Healing({ options: options.healing, directory, delays, say: progress })
  const tidyUp = async (): Promise<void> => {
    await Promise.all([product?.stop(), healing.stop()])
    delays.close()
    rmSync(directory, { recursive: true, force: true })
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void tidyUp().finally(() => process.exit(130)))
  }
  try {
    if (options.workloads.some((name) => name !== 'healing')) {
      product = await startProduct(join(directory, 'cluster'))
      if (product === null) progress('the services are not there: only the baselines are measured')
    }
    const rows = await measureWith(options, { directory, product, delays })
    await product?.stop()
    return { rows, healing: options.workloads.includes('healing') ? await healing.run() : null }
  } finally {
    await tidyUp()
  }
}

async function measureWith(
  options: BenchOptions,
  parts: Pick<WorkloadContext, 'directory' | 'product' | 'delays'>,
): Promise<Row[]> {
  const rows: Row[] = []
  const onRow = (row: Row): void => {
    rows.push(row)
    progress(`${row.workload}, ${row.subject}: ${row.rate.toFixed(0)} ${row.unit}`)
  }
  const context = { ...parts, seconds: options.seconds, onRow }
  const isWanted = (name: BenchOptions['workloads'][number]): boolean => options.workloads.includes(name)
  if (isWanted('small-writes')) await smallWrites(context)
  if (isWanted('small-reads')) await smallReads(context)
  const isWriteShown = isWanted('large-write')
  const isReadShown = isWanted('large-read')
  if (isWriteShown || isReadShown) {
    await largeFiles({ ...context, bytes: options.largeMib * 2 ** 20, isWriteShown, isReadShown })
  }
  return rows
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`)
}
