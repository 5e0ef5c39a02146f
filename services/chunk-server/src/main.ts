#!/usr/bin/env node
/** The process: configuration, the real world, the chunk server, its public API, and the order in which they stop. */
import {
  lockDirectory,
  NodeClock,
  NodeRandom,
  crc32,
  createHasher,
  nodeRuntime,
  readClusterKey,
} from '@dfs/node-runtime'
import { DfsError, MIB, type Readiness } from '@dfs/protocol'
import { buildPublicApp } from '@dfs/public-api'
import { addNodeMetrics, RefusalError, runService, type ServiceContext } from '@dfs/service-kit'
import { type ChunkServer, startChunkServer } from './chunk-server.ts'
import { ChunkServerConfig } from './config.ts'
import { addChunkServerMetrics } from './metrics.ts'

const DRAIN_DEADLINE_MS = 10_000
const STOP_DEADLINE_MS = 5000

const clock = new NodeClock()
const SERVICE = {
  service: 'chunk-server',
  schema: ChunkServerConfig,
  clock,
  drainDeadlineMs: DRAIN_DEADLINE_MS,
  stopDeadlineMs: STOP_DEADLINE_MS,
  env: process.env,
  isTerminal: process.stdout.isTTY,
}

runService(SERVICE, start)

/**
 * The master will have nothing to do with this data or this process: no bug, and another start would end like this one. One that was
 * removed from the cluster is none of those: its next start stays, and says so.
 */
const isRefusal = (error: Error): boolean => error instanceof DfsError && REFUSALS.has(error.code)
const REFUSALS: ReadonlySet<string> = new Set(['WRONG_CLUSTER', 'STALE_INCARNATION', 'OUTDATED_PROGRAM'])

async function start({
  lifecycle,
  config,
  log,
  metrics,
}: ServiceContext<typeof ChunkServerConfig>): Promise<void> {
  const internalPort = config.internalPort ?? config.port + 100
  const clusterKey = await readClusterKey(config.clusterKeyFile)
  const lock = await lifecycle.step('lock the data directory', () => lockDirectory(config.dataDir))
  lifecycle.onStop('stores', 'data directory lock', () => lock.release())
  const runtime = await nodeRuntime({
    dataDirectory: config.dataDir,
    listenHost: config.internalHost,
    listenPort: internalPort,
    clusterKey,
    log,
  })
  lifecycle.onStop('clients', 'connections to other nodes', () => runtime.transport.closeClient())
  const onFatal = (error: Error): void => {
    // The lifecycle ends the process on what nobody caught.
    queueMicrotask(() => {
      throw isRefusal(error) ? new RefusalError(error.message, { cause: error }) : error
    })
  }
  const own = {
    internalAddress: config.internalAdvertised ?? `${config.internalHost}:${internalPort}`,
    publicPort: config.port,
    advertisedUrl: config.advertisedUrl ?? null,
  }
  addNodeMetrics(metrics, runtime)
  const openDoors = async (server: ChunkServer): Promise<void> => {
    addChunkServerMetrics(metrics, server.figures)
    lifecycle.onStop('drain', 'volumes and session', () => server.stop())
    const app = await buildPublicApp({
      namespace: server.namespace,
      content: { kind: 'serve', files: server.files },
      cluster: { endpoints: () => [own, ...server.directory.nodeAddresses] },
      node: {
        name: config.name,
        workers: () => server.workers(),
        master: () => server.directory.master,
      },
      clock,
      random: new NodeRandom(),
      log,
      allowedHosts: config.allowedHosts,
      readiness: () => readinessOf(lifecycle, server),
      onFatal,
      metrics,
    })
    lifecycle.onStop('listeners', 'public API', () => app.close())
    await app.listen({ host: config.listenHost, port: config.port })
    log.info({ url: `http://${config.listenHost}:${config.port}` }, 'listening')
  }
  await lifecycle.step('recover the volumes, listen, and register with the master', () =>
    startChunkServer(runtime, {
      masterAddress: config.masterAddress,
      addresses: { name: config.name, zone: config.zone ?? config.name, ...own },
      crc32,
      createHasher,
      onFatal,
      freeSpaceFloorBytes: config.freeSpaceFloorMib * MIB,
      openDoors,
    }),
  )
}

/** While it starts the server itself says more: a master that refuses it does so for good. */
function readinessOf(
  lifecycle: ServiceContext<typeof ChunkServerConfig>['lifecycle'],
  server: ChunkServer,
): Readiness {
  const unready = lifecycle.unreadiness()
  if (unready === null) return server.readiness()
  const { whyNot } = lifecycle.state === 'starting' ? server.readiness() : unready
  return whyNot === null ? unready : { whyNot, missing: null }
}
