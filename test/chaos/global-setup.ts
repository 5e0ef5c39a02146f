/**
 * Before the chaos tests: can this machine break things? They need Linux, root and some tools, which `.ci/chaos` installs.
 * Where something is missing they are skipped and say what, unless DFS_REQUIRE_CHAOS=1 forbids that.
 */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type TestProject } from 'vitest/node'
import { removeLeftovers } from './network.ts'
import { libfaketime } from './wrong-clock.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Why chaos tests cannot run here; null where they can. */
    readonly whyNoChaos: string | null
  }
}

const TOOLS = ['strace', 'nft', 'ip', 'mount', 'umount']

export default function setup({ provide }: TestProject): void {
  const reason = whyNoChaos()
  provide('whyNoChaos', reason)
  if (reason === null) return removeLeftovers()
  if (process.env['DFS_REQUIRE_CHAOS'] === '1') throw new Error(`chaos tests cannot run: ${reason}`)
  console.warn(`chaos tests skipped: ${reason}`)
}

function whyNoChaos(): string | null {
  if (process.platform !== 'linux') return 'they need Linux'
  if (process.getuid?.() !== 0) return 'they need root'
  const missing = TOOLS.filter((tool) => !isInstalled(tool))
  if (libfaketime() === null) missing.push('libfaketime')
  return missing.length === 0 ? null : `not installed: ${missing.join(', ')}`
}

function isInstalled(tool: string): boolean {
  const directories = (process.env['PATH'] ?? '').split(delimiter)
  return directories.some((directory) => {
    try {
      accessSync(join(directory, tool), constants.X_OK)
      return true
    } catch (error) {
      if (error instanceof Error && 'code' in error) return false
      throw error
    }
  })
}
