/**
 * `npm start`: the command line around a {@link Cluster}. Runs until it is told to stop, by a signal or by the death of
 * whoever started it: npm's shell passes no SIGTERM on, so the launcher notices that its parent is gone.
 */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { boardText } from './board.ts'
import { Cluster } from './cluster.ts'
import { type DataDirectory, openDataDirectory } from './data-directory.ts'
import { checkPortsFree } from './free-ports.ts'
import { LaunchError } from './launch-error.ts'
import { CHUNK_SERVERS_DEFAULT, type LauncherOptions, parseArguments, USAGE } from './options.ts'
import { type ClusterPlan, planCluster, type ServicePrograms } from './plan.ts'

const PARENT_POLL_MS = 500
/** How long the services of a launcher that was killed may take to end. */
const LEFTOVERS_WITHIN_MS = 10_000
const LEFTOVERS_POLL_MS = 200

/** Resolves to the exit code. Without a program for the gateway, the cluster runs without one. */
export async function runLauncher(argv: readonly string[], programs: ServicePrograms): Promise<number> {
  const parsed = parseArguments(argv)
  if (parsed.kind === 'help') {
    say(USAGE)
    return 0
  }
  if (parsed.kind === 'wrong') {
    complain(parsed.message)
    return 2
  }
  // In `ps` and `top`; with its arguments, since several may run.
  process.title = ['dfs-launcher', ...argv].join(' ')
  const stopRequest = listenForStop()
  try {
    return await runIn(openDataDirectory(resolve(parsed.options.data)), parsed.options, programs, stopRequest)
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error
    complain(error.message)
    return 1
  }
}

async function runIn(
  directory: DataDirectory,
  options: LauncherOptions,
  programs: ServicePrograms,
  stopRequest: AbortSignal,
): Promise<number> {
  try {
    const plan = planFor(directory, options, programs)
    if (directory.wasLeftRunning) await waitForLeftovers(plan)
    const reason = await runCluster(plan, stopRequest)
    say(`stopped (${reason})`)
    return 0
  } finally {
    directory.lock.release()
  }
}

/** Resolves to the reason of the stop, once everything has ended. */
async function runCluster(plan: ClusterPlan, stopRequest: AbortSignal): Promise<string> {
  let cluster: Cluster
  try {
    cluster = await Cluster.start({ plan, say, signal: stopRequest })
  } catch (error) {
    if (stopRequest.aborted) return String(stopRequest.reason)
    throw error
  }
  say(boardText(plan))
  if (cluster.missing !== null) say(`warning: ${cluster.missing}`)
  say('ready')
  try {
    await Promise.race([aborted(stopRequest), cluster.lost])
    say(`stopping (${String(stopRequest.reason)})`)
    return String(stopRequest.reason)
  } finally {
    await cluster.stop()
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

function planFor(directory: DataDirectory, options: LauncherOptions, programs: ServicePrograms): ClusterPlan {
  const known = directory.chunkServersKnown
  const chunkServers = options.chunkServers ?? Math.max(CHUNK_SERVERS_DEFAULT, known)
  if (chunkServers < known) {
    say(`warning: ${directory.path} has ${known} chunk servers; the copies on those not started are missing`)
  }
  return planCluster({
    dataDirectory: directory.path,
    chunkServers,
    portOffset: options.portOffset,
    programs: withoutMissingGateway(programs),
    environment: process.env,
  })
}

function withoutMissingGateway(programs: ServicePrograms): ServicePrograms {
  const { gateway, ...others } = programs
  return gateway === undefined || !existsSync(gateway) ? others : programs
}

/** The services of a launcher that was killed end by themselves; their ports are free a moment later. */
async function waitForLeftovers(plan: ClusterPlan): Promise<void> {
  const endMs = performance.now() + LEFTOVERS_WITHIN_MS
  for (;;) {
    try {
      return await checkPortsFree(plan)
    } catch (error) {
      if (performance.now() > endMs) throw error
      await new Promise((wake) => setTimeout(wake, LEFTOVERS_POLL_MS))
    }
  }
}

/** Aborts with the reason as text. A second signal ends the launcher at once, and with it every service. */
function listenForStop(): AbortSignal {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(130)
      stop.abort(signal)
    })
  }
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) stop.abort('its parent process is gone')
  }, PARENT_POLL_MS).unref()
  process.stdout.on('error', () => stop.abort('its terminal is gone'))
  return stop.signal
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

function complain(message: string): void {
  process.stderr.write(`${message}\n`)
}
