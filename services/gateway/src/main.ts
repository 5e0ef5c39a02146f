#!/usr/bin/env node
/** The process: configuration, the client of the cluster, the line protocol, health, and the order in which they stop. */
import { createClient } from '@dfs/client'
import { NodeClock, NodeRandom } from '@dfs/node-runtime'
import {
  addHealthRoutes,
  addMetricsRoute,
  buildHttpServer,
  crash,
  runService,
  type ServiceContext,
} from '@dfs/service-kit'
import { clientStore } from './client-store.ts'
import { addClusterHealth } from './cluster-health.ts'
import { buildGateway } from './gateway.ts'
import { addGatewayMetrics } from './metrics.ts'
import { checkRelations, gatewaySettingsOf, GatewayConfig } from './config.ts'
import { StorageWatch } from './storage-watch.ts'

const DRAIN_DEADLINE_MS = 10_000
/** Longer than the gateway's own deadline for pending replies. */
const STOP_DEADLINE_MS = 8000
/**
 * By how much the client of the cluster gives up before a request's deadline: it knows whether anything was done, while
 * the deadline can only say that the outcome is unknown.
 */
const GIVE_UP_EARLIER_MS = 5000
/** How often, and for how long, the cluster is asked whether it is there. */
const ASK_EVERY_MS = 2000
const ASK_EVERY_MS_AT_START = 200
const ASK_WITHIN_MS = 3000
/** How long one server is waited for, so that several can be asked within that time. */
const ASK_ONE_SERVER_MS = 800

const clock = new NodeClock()
const random = new NodeRandom()
const SERVICE = {
  service: 'gateway',
  schema: GatewayConfig,
  relations: checkRelations,
  clock,
  drainDeadlineMs: DRAIN_DEADLINE_MS,
  stopDeadlineMs: STOP_DEADLINE_MS,
  env: process.env,
  isTerminal: process.stdout.isTTY,
}

runService(SERVICE, start)

async function start({
  lifecycle,
  config,
  log,
  metrics,
}: ServiceContext<typeof GatewayConfig>): Promise<void> {
  const { storeDeadlineMs, ...lineSettings } = gatewaySettingsOf(config)
  const deadlineMs = storeDeadlineMs - GIVE_UP_EARLIER_MS
  const client = createClient({ url: config.masterUrl, clock, random, deadlineMs })
  lifecycle.onStop('clients', 'connections to the cluster', () => client.close())

  const questions = createClient({
    url: config.masterUrl,
    clock,
    random,
    deadlineMs: ASK_WITHIN_MS,
    attemptTimeoutMs: ASK_ONE_SERVER_MS,
  })
  lifecycle.onStop('clients', 'questions to the cluster', () => questions.close())
  const store = clientStore(client, questions)
  const watch = new StorageWatch({
    askReady: (signal) => questions.readiness({ signal }),
    ask: (signal) => store.primary(signal),
    everyMsAtStart: ASK_EVERY_MS_AT_START,
    everyMs: ASK_EVERY_MS,
    withinMs: ASK_WITHIN_MS,
    clock,
    log,
  })
  lifecycle.onStop('clients', 'watch over the cluster', () => watch.stop())
  watch.start()

  const gateway = buildGateway({
    store,
    clock,
    log,
    settings: { ...lineSettings, storeDeadlineMs },
  })
  lifecycle.onStop('drain', 'line protocol', () => gateway.close())
  addGatewayMetrics(metrics, gateway)
  const ports = await lifecycle.step('open the ports of the line protocol', () => gateway.start())

  const health = buildHttpServer({ clock, log, random, onFatal: crash, metrics })
  addHealthRoutes(health, () => lifecycle.unreadiness() ?? watch.readiness(), metrics)
  addMetricsRoute(health, metrics)
  addClusterHealth(health, questions, clock)
  lifecycle.onStop('listeners', 'health', () => health.close())
  await lifecycle.step('listen', () => health.listen({ host: config.listenHost, port: config.port }))
  log.info({ url: `http://${config.listenHost}:${config.port}`, ...ports }, 'listening')
}
