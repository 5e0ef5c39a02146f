/**
 * An earlier state of this repository, installed and ready to run: the other side of an upgrade. It is taken out of the
 * repository's own history, so it needs that history and the package registry, but nothing is downloaded twice.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type ServicePrograms } from '../../scripts/cluster/plan.ts'

/** Data directories written since this commit open for ever, and its programs work beside those of today. */
export const FIRST_COMPATIBLE = '68d038b'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Kept for the next run. Not below `node_modules`, where Node runs no TypeScript. */
const CHECKOUTS = join(tmpdir(), `dfs-earlier-${process.getuid?.() ?? 0}`)

const run = promisify(execFile)

/** The programs of the services at `commit`. */
export async function earlierPrograms(commit: string): Promise<ServicePrograms> {
  const directory = join(CHECKOUTS, commit)
  const done = join(directory, 'node_modules', '.installed')
  if (!existsSync(done)) await install(commit, directory, done)
  const mainOf = (service: string): string => join(directory, 'services', service, 'src', 'main.ts')
  return { master: mainOf('master'), 'chunk-server': mainOf('chunk-server') }
}

async function install(commit: string, directory: string, done: string): Promise<void> {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const script = 'git archive --format=tar "$1" | tar -xf - -C "$2"'
  await run('bash', ['-o', 'pipefail', '-c', script, 'bash', commit, directory], { cwd: ROOT })
  await run('npm', ['run', '--silent', 'bootstrap'], { cwd: directory })
  mkdirSync(done)
}
