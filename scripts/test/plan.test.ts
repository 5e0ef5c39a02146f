/** Ports and settings of every service: what the services' own configuration relies on. */
import { loadConfig, unknownVariables } from '@dfs/service-kit'
import { describe, expect, it } from 'vitest'
import { ChunkServerConfig } from '../../services/chunk-server/src/config.ts'
import { GatewayConfig } from '../../services/gateway/src/config.ts'
import { MasterConfig } from '../../services/master/src/config.ts'
import { boardText } from '../cluster/board.ts'
import { CHUNK_SERVERS_MAX, PORT_OFFSET_MAX, PORT_OFFSET_STEP } from '../cluster/options.ts'
import { type ClusterPlan, planCluster, type PlanInput } from '../cluster/plan.ts'

const planWith = (input: Partial<PlanInput> = {}): ClusterPlan =>
  planCluster({
    dataDirectory: '/d',
    chunkServers: 3,
    portOffset: 0,
    programs: { master: '/m.ts', 'chunk-server': '/c.ts', gateway: '/g.ts' },
    environment: {},
    ...input,
  })

const envOf = (plan: ClusterPlan, name: string): Readonly<Record<string, string>> =>
  plan.services.find((service) => service.name === name)!.env

describe('the plan of a cluster', () => {
  it('gives every service the documented settings', () => {
    const plan = planWith({ portOffset: 1000 })
    expect(plan.services.map((service) => service.name)).toEqual([
      'master',
      'chunk-server-1',
      'chunk-server-2',
      'chunk-server-3',
      'gateway',
    ])
    expect(envOf(plan, 'master')).toEqual({
      DFS_NAME: 'master',
      DFS_DATA_DIR: '/d/master',
      DFS_LISTEN_HOST: '127.0.0.1',
      DFS_PORT: '8070',
      DFS_LOG_LEVEL: 'info',
      DFS_LOG_FORMAT: 'json',
      DFS_CLUSTER_KEY_FILE: '/d/cluster.key',
      DFS_INTERNAL_HOST: '127.0.0.1',
      DFS_INTERNAL_PORT: '8170',
      DFS_REPLICAS: '3',
      DFS_MIN_REPLICAS: '2',
    })
    expect(envOf(plan, 'chunk-server-2')).toMatchObject({
      DFS_PORT: '8072',
      DFS_INTERNAL_PORT: '8172',
      DFS_MASTER_ADDRESS: '127.0.0.1:8170',
      DFS_ZONE: 'chunk-server-2',
      DFS_DATA_DIR: '/d/chunk-server-2',
    })
    expect(envOf(plan, 'gateway')).toMatchObject({
      DFS_PORT: '8080',
      DFS_MASTER_URL: 'http://127.0.0.1:8070',
      DFS_LINE_MASTER_PORT: '6011',
      DFS_LINE_CHUNK_PORTS: '7001,7002,7003',
    })
  })

  it.each([
    [1, 1, 1],
    [2, 2, 2],
    [3, 3, 2],
    [9, 3, 2],
  ])('keeps with %i chunk servers %i copies and needs %i', (chunkServers, replicas, minReplicas) => {
    expect(planWith({ chunkServers })).toMatchObject({ replicas, minReplicas })
  })

  it('uses no port twice, within a cluster or between clusters of different offsets', () => {
    const users = new Map<number, string>()
    for (let portOffset = 0; portOffset <= PORT_OFFSET_MAX; portOffset += PORT_OFFSET_STEP) {
      for (const service of planWith({ chunkServers: CHUNK_SERVERS_MAX, portOffset }).services) {
        for (const port of service.ports) {
          expect(users.get(port), `port ${port} of ${service.name} at ${portOffset}`).toBeUndefined()
          expect(port).toBeLessThan(65_536)
          users.set(port, service.name)
        }
      }
    }
  })

  it('hands on only what is the user’s to decide', () => {
    const environment = {
      DFS_LOG_LEVEL: 'debug',
      DFS_LISTEN_HOST: '0.0.0.0',
      DFS_PORT: '1',
      DFS_ADVERTISED_URL: 'x',
    }
    const plan = planWith({ environment })
    expect(envOf(plan, 'chunk-server-1')).toMatchObject({
      DFS_LOG_LEVEL: 'debug',
      DFS_LISTEN_HOST: '0.0.0.0',
      DFS_PORT: '7071',
    })
    expect(envOf(plan, 'chunk-server-1')).not.toHaveProperty('DFS_ADVERTISED_URL')
    expect(envOf(plan, 'gateway')['DFS_MASTER_URL']).toBe('http://127.0.0.1:7070')
  })

  it('gives each service what it can read, and nothing else', () => {
    const schemas = { master: MasterConfig, 'chunk-server': ChunkServerConfig, gateway: GatewayConfig }
    const environment = { DFS_LOG_LEVEL: 'debug', DFS_ALLOWED_HOSTS: 'files.example' }
    const { services } = planWith({ environment })
    expect(services).toHaveLength(5)
    for (const { kind, env } of services) {
      expect(unknownVariables(schemas[kind], env)).toEqual([])
      expect(loadConfig(schemas[kind], env)).toHaveProperty('logLevel', 'debug')
    }
    expect(envOf(planWith({ environment }), 'chunk-server-3')['DFS_ALLOWED_HOSTS']).toBe('files.example')
  })

  it('leaves out a service that does not exist', () => {
    const plan = planWith({ programs: { master: '/m.ts', 'chunk-server': '/c.ts' } })
    expect(plan.services.map((service) => service.kind)).not.toContain('gateway')
  })
})

describe('the board', () => {
  it('names every address and commands that fit the port offset', () => {
    expect(boardText(planWith({ portOffset: 2000, chunkServers: 1 }))).toMatchInlineSnapshot(`
      "
        master          http://localhost:9070 (API: http://localhost:9070/docs)
        chunk-server-1  http://localhost:9071
        gateway         http://localhost:9080, line protocol on ports 7011, 8001, 8002, 8003
        data            /d
        logs            /d/logs (to read: npx dfs logs /d)
        metrics         /metrics at each address, for Prometheus
        copies          1 of each file, 1 needed to accept a write

      Try (Ctrl-C stops the cluster, the data stays):
        curl -T README.md http://localhost:9070/v1/files/hello.md
        curl -L http://localhost:9070/v1/files/hello.md
        DFS_URL=http://localhost:9070 npx dfs ls /
      "
    `)
  })
})
