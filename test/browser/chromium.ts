/**
 * The browser of these tests: the Chromium that the machine has. Nothing is downloaded; where there is none, the tests
 * are skipped, unless DFS_REQUIRE_BROWSER=1 says that this would be a mistake.
 */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const START_WITHIN_MS = 60_000

/** It must not look for anything in the network by itself, and leaves no profile behind. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // The browser's own guard of local addresses would hide whether the cluster refuses.
  '--disable-features=LocalNetworkAccessChecks',
]

/** Null where there is none. */
export const findChromium = (): string | null => PLACES.find((path) => existsSync(path)) ?? null

/** Starts one with a fresh profile. `hosts` maps names to the machine that the browser takes them for. */
export function launchChromium(hosts: Readonly<Record<string, string>> = {}): Promise<Browser> {
  const rules = Object.entries(hosts).map(([name, address]) => `MAP ${name} ${address}`)
  const executablePath = findChromium()
  if (executablePath === null) throw new Error(`no Chromium at ${PLACES.join(', ')}`)
  return chromium.launch({
    executablePath,
    timeout: START_WITHIN_MS,
    args: [...QUIET, ...(rules.length === 0 ? [] : [`--host-resolver-rules=${rules.join(', ')}`])],
  })
}
