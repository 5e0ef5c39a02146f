/**
 * Which processes a cluster has, on which ports, with which settings: the one place where the environment of every
 * service is composed (docs/configuration.md describes it). Pure.
 */
import { join } from 'node:path'

export const MASTER_PORT = 7070
export const GATEWAY_PORT = 7080
export const INTERNAL_PORT_DISTANCE = 100
export const LINE_MASTER_PORT = 5011
export const LINE_CHUNK_PORTS = [6001, 6002, 6003] as const

const REPLICAS_MAX = 3
const REPLICAS_NEEDED_MAX = 2

/** Settings of the launcher's own environment that it hands on; every other DFS_ variable is the launcher's to set. */
const PASSED_ON = ['DFS_LOG_LEVEL', 'DFS_LISTEN_HOST'] as const
const PASSED_ON_TO_NODES = ['DFS_ALLOWED_HOSTS'] as const

/** Listening on these is listening on every address. */
const ANY_HOSTS: readonly string[] = ['0.0.0.0', '::']

export type ServiceKind = 'master' | 'chunk-server' | 'gateway'

/** The program of each kind of service: absolute paths. A kind without a program is not started. */
export type ServicePrograms = Readonly<Partial<Record<ServiceKind, string>>>

export interface ServicePlan {
  readonly kind: ServiceKind
  /** `master`, `chunk-server-1`, …, `gateway`: also the name of its data directory and of its log. */
  readonly name: string
  readonly program: string
  readonly port: number
  /** Every port it listens on, the public one first. */
  readonly ports: readonly number[]
  readonly env: Readonly<Record<string, string>>
}

export interface ClusterPlan {
  readonly dataDirectory: string
  readonly listenHost: string
  /** Where this machine reaches what listens on `listenHost`. */
  readonly reachHost: string
  readonly portOffset: number
  readonly replicas: number
  readonly minReplicas: number
  /** In the order of starting; they are stopped in reverse. */
  readonly services: readonly ServicePlan[]
}

export interface PlanInput {
  /** Absolute. */
  readonly dataDirectory: string
  readonly chunkServers: number
  readonly portOffset: number
  readonly programs: ServicePrograms
  readonly environment: Readonly<Record<string, string | undefined>>
}

export function planCluster(input: PlanInput): ClusterPlan {
  const replicas = Math.min(REPLICAS_MAX, input.chunkServers)
  const minReplicas = Math.min(REPLICAS_NEEDED_MAX, replicas)
  const listenHost = input.environment['DFS_LISTEN_HOST'] ?? '127.0.0.1'
  const reachHost = ANY_HOSTS.includes(listenHost) ? '127.0.0.1' : listenHost
  const masterPort = MASTER_PORT + input.portOffset
  const { programs } = input
  const services: ServicePlan[] = []

  if (programs.master !== undefined) {
    services.push(
      serviceOf(input, 'master', 'master', programs.master, masterPort, {
        DFS_REPLICAS: String(replicas),
        DFS_MIN_REPLICAS: String(minReplicas),
      }),
    )
  }
  for (let number = 1; number <= input.chunkServers && programs['chunk-server'] !== undefined; number += 1) {
    const name = `chunk-server-${number}`
    services.push(
      serviceOf(input, 'chunk-server', name, programs['chunk-server'], masterPort + number, {
        DFS_MASTER_ADDRESS: `127.0.0.1:${masterPort + INTERNAL_PORT_DISTANCE}`,
        DFS_ZONE: name,
      }),
    )
  }
  if (programs.gateway !== undefined) services.push(gatewayOf(input, programs.gateway, reachHost))
  return {
    dataDirectory: input.dataDirectory,
    listenHost,
    reachHost,
    portOffset: input.portOffset,
    replicas,
    minReplicas,
    services,
  }
}

function serviceOf(
  input: PlanInput,
  kind: ServiceKind,
  name: string,
  program: string,
  port: number,
  own: Readonly<Record<string, string>>,
): ServicePlan {
  const internalPort = port + INTERNAL_PORT_DISTANCE
  return {
    kind,
    name,
    program,
    port,
    ports: [port, internalPort],
    env: {
      ...commonSettings(input, name, port),
      ...passedOn(input, PASSED_ON_TO_NODES),
      DFS_DATA_DIR: join(input.dataDirectory, name),
      DFS_CLUSTER_KEY_FILE: join(input.dataDirectory, 'cluster.key'),
      DFS_INTERNAL_HOST: '127.0.0.1',
      DFS_INTERNAL_PORT: String(internalPort),
      ...own,
    },
  }
}

function gatewayOf(input: PlanInput, program: string, reachHost: string): ServicePlan {
  const port = GATEWAY_PORT + input.portOffset
  const lineMasterPort = LINE_MASTER_PORT + input.portOffset
  const lineChunkPorts = LINE_CHUNK_PORTS.map((linePort) => linePort + input.portOffset)
  return {
    kind: 'gateway',
    name: 'gateway',
    program,
    port,
    ports: [port, lineMasterPort, ...lineChunkPorts],
    env: {
      ...commonSettings(input, 'gateway', port),
      DFS_MASTER_URL: `http://${reachHost}:${MASTER_PORT + input.portOffset}`,
      DFS_LINE_MASTER_PORT: String(lineMasterPort),
      DFS_LINE_CHUNK_PORTS: lineChunkPorts.join(','),
    },
  }
}

const commonSettings = (input: PlanInput, name: string, port: number): Record<string, string> => ({
  DFS_NAME: name,
  DFS_LISTEN_HOST: '127.0.0.1',
  DFS_PORT: String(port),
  DFS_LOG_LEVEL: 'info',
  DFS_LOG_FORMAT: 'json',
  ...passedOn(input, PASSED_ON),
})

const passedOn = (input: PlanInput, variables: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    variables.flatMap((variable) => {
      const value = input.environment[variable]
      return value === undefined ? [] : [[variable, value]]
    }),
  )
