/** The docker command line: what people type is what the tests do. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024
const PATIENCE_MS = 300_000

const run = promisify(execFile)

/** Standard output of `docker …`; rejects, with standard error in the message, where the exit code is not 0. */
export async function docker(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { stdout } = await run('docker', args, {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    maxBuffer: OUTPUT_BYTES_MAX,
    timeout: PATIENCE_MS,
  })
  return stdout
}

/** Null where an engine answers and Compose is there, otherwise why container tests cannot run: one line. */
export async function whyNoContainers(): Promise<string | null> {
  for (const args of [['info'], ['compose', 'version']]) {
    try {
      await docker(args)
    } catch (error) {
      const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
      return `docker ${args.join(' ')}: ${said.trim().split('\n').at(-1) || String(error)}`
    }
  }
  return null
}
