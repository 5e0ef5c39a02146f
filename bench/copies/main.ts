/**
 * `npm run bench:copies`: what it takes to make one copy of a volume again (measure-copies.ts).
 *
 *   npm run bench:copies -- [--mib 256]
 */
import { mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { copyLines } from './copy-table.ts'
import { measureCopies } from './measure-copies.ts'

const DATA_ROOT = fileURLToPath(new URL('../../.data/', import.meta.url))

const { values } = parseArgs({ options: { mib: { type: 'string', default: '256' } } })
mkdirSync(DATA_ROOT, { recursive: true })
const directory = mkdtempSync(join(DATA_ROOT, 'copies-'))
const stopped = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => stopped.abort(new Error('the measurement was stopped')))
const totalBytes = Number(values.mib) * 2 ** 20
const rows = await measureCopies({ directory, totalBytes, signal: stopped.signal })
process.stdout.write(`${copyLines(rows).join('\n')}\n`)
