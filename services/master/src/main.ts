#!/usr/bin/env node
/** The process: configuration, the real world, the master, its public API, and the order in which they stop. */
import { crc32, ensureClusterKey, NodeClock, nodeRuntime, NodeRandom, zstd } from '@dfs/node-runtime'
import { DfsError, MIB } from '@dfs/protocol'
import { buildPublicApp } from '@dfs/public-api'
import { addNodeMetrics, RefusalError, runService, type ServiceContext } from '@dfs/service-kit'
import { checkRelations, MasterConfig } from './config.ts'
import { makeRoomToStart } from './disk-space.ts'
import { startMaster } from './master.ts'
import { addMasterMetrics } from './metrics.ts'
import { openSqliteStore } from './metadata/sqlite/open-store.ts'
import { DEFAULT_SETTINGS } from './settings.ts'

const DRAIN_DEADLINE_MS = 10_000
const STOP_DEADLINE_MS = 15_000

const clock = new NodeClock()
const random = new NodeRandom()
const SERVICE = {
  service: 'master',
  schema: MasterConfig,
  relations: checkRelations,
  clock,
  drainDeadlineMs: DRAIN_DEADLINE_MS,
  stopDeadlineMs: STOP_DEADLINE_MS,
  env: process.env,
  isTerminal: process.stdout.isTTY,
}

/** What no further start changes before a person has acted. */
const isRefusal = (error: unknown): error is DfsError =>
  error instanceof DfsError && (error.code === 'METADATA_DAMAGED' || error.code === 'ACCESS_DENIED')

runService(SERVICE, start)

async function start({
  lifecycle,
  config,
  log,
  metrics,
}: ServiceContext<typeof MasterConfig>): Promise<void> {
  const internalPort = config.internalPort ?? config.port + 100
  const clusterKey = await ensureClusterKey(config.clusterKeyFile, random)
  const runtime = await nodeRuntime({
    dataDirectory: config.dataDir,
    listenHost: config.internalHost,
    listenPort: internalPort,
    clusterKey,
    log,
  })
  const onFatal = (error: Error): void => {
    log.error({ err: error }, 'the master must not go on')
    // The lifecycle ends the process on what nobody caught.
    queueMicrotask(() => {
      throw error
    })
  }
  const publicAddress = { publicPort: config.port, advertisedUrl: config.advertisedUrl ?? null }
  const internalAddress = config.internalAdvertised ?? `${config.internalHost}:${internalPort}`
  const own = { ...publicAddress, internalAddress }
  const store = await lifecycle.step('open the metadata', () =>
    makeRoomToStart(runtime.disk)
      .then(() => openSqliteStore({ directory: config.dataDir, random, log: runtime.log, clock }))
      .catch((error: unknown) => {
        throw isRefusal(error) ? new RefusalError(error.message, { cause: error }) : error
      }),
  )
  const { replicas, minReplicas } = config
  const settings = {
    ...DEFAULT_SETTINGS,
    publicAddress,
    freeSpaceFloorBytes: config.freeSpaceFloorMib * MIB,
    cluster: { ...DEFAULT_SETTINGS.cluster, replicas, minReplicas },
    metadataCopies: { ...DEFAULT_SETTINGS.metadataCopies, isAwaited: config.metadataAck === 'copies' },
  }
  const master = await lifecycle.step('answer the other nodes', () =>
    startMaster(runtime, { store, settings, codec: { crc32, compression: zstd }, onFatal }),
  )
  lifecycle.onStop('stores', 'master', () => master.stop())
  addNodeMetrics(metrics, runtime)
  addMasterMetrics(metrics, master.figures)
  const app = await buildPublicApp({
    namespace: master.namespace,
    content: {
      kind: 'pass-on',
      target: () => master.redirectTarget(),
      write: (...asked) => master.write(...asked),
      backup: (context) => master.backup(context),
    },
    cluster: { endpoints: () => [own, ...master.servers()] },
    node: { name: 'master', workers: () => master.workers(), master: () => own },
    clock,
    random,
    log,
    allowedHosts: config.allowedHosts,
    readiness: () => lifecycle.unreadiness() ?? master.readiness(),
    onFatal,
    metrics,
  })
  lifecycle.onStop('listeners', 'public API', () => app.close())
  await lifecycle.step('listen', () => app.listen({ host: config.listenHost, port: config.port }))
  log.info({ url: `http://${config.listenHost}:${config.port}` }, 'listening')
}
