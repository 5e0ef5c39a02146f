/** The one place that looks at the data directory of a cluster that has stopped. */
import { fileURLToPath } from 'node:url'
import { run } from '../integration/real-cluster.ts'

const DFS = fileURLToPath(new URL('../../packages/cli/bin/dfs.cjs', import.meta.url))

/** Throws what `dfs fsck --offline` finds in the directory of a stopped cluster. */
export async function requireSoundData(dataDirectory: string): Promise<void> {
  const { code, stdout, stderr } = await run([process.execPath, DFS, 'fsck', '--offline', dataDirectory])
  if (code !== 0) throw new Error(`dfs fsck --offline ended with ${code}:\n${stdout}\n${stderr}`)
}
