/**
 * Before the container tests: is there an engine? If so, the image is built from the sources as they are. If not, the tests
 * are skipped and say why, unless DFS_REQUIRE_CONTAINERS=1 forbids that.
 */
import { type TestProject } from 'vitest/node'
import { docker, whyNoContainers } from './docker.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Why container tests cannot run here; null where they can. */
    readonly whyNoContainers: string | null
  }
}

export default async function setup({ provide }: TestProject): Promise<void> {
  const reason = await whyNoContainers()
  provide('whyNoContainers', reason)
  if (reason === null) {
    await docker(['compose', 'build', '--quiet'])
    return
  }
  if (process.env['DFS_REQUIRE_CONTAINERS'] === '1') throw new Error(`container tests cannot run: ${reason}`)
  console.warn(`container tests skipped: ${reason}`)
}
