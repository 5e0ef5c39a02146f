/**
 * `npm run bench`: the product beside bare baselines in one run, because only their ratio means something on another
 * machine. Exit code 1 when a request failed; missed targets are shown, not punished.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
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
  const rows = await measure(options)
  process.stdout.write(`\nNode ${process.version}, ${cpus().length} processors\n\n${tableText(rows)}`)
  if (options.json !== null)
    writeFileSync(options.json, `${JSON.stringify({ node: process.version, rows }, null, 2)}\n`)
  return rows.some((row) => row.failures > 0) ? 1 : 0
}

async function measure(options: BenchOptions): Promise<Row[]> {
  mkdirSync(DATA_ROOT, { recursive: true })
  const directory = mkdtempSync(join(DATA_ROOT, 'bench-'))
  const delays = new LoopDelays()
  delays.watchChildren()
  let product: Product | null = null
  const tidyUp = async (): Promise<void> => {
    await product?.stop()
    delays.close()
    rmSync(directory, { recursive: true, force: true })
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void tidyUp().finally(() => process.exit(130)))
  }
  try {
    product = await startProduct(join(directory, 'cluster'))
    if (product === null) progress('the services are not there: only the baselines are measured')
    return await measureWith(options, { directory, product, delays })
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
