/** What the launcher shows once the cluster runs: short enough to be read, and commands that can be pasted. Pure. */
import { join } from 'node:path'
import { type ClusterPlan, MASTER_PORT, type ServicePlan } from './plan.ts'

const LABEL_WIDTH = 16

/** Several lines, without the closing `ready`. Addresses are those of the machine that the launcher runs on. */
export function boardText(plan: ClusterPlan): string {
  const master = urlOf(MASTER_PORT + plan.portOffset)
  const file = `${master}/v1/files/hello.md`
  const client = plan.portOffset === 0 ? 'npx dfs ls /' : `DFS_URL=${master} npx dfs ls /`
  return [
    '',
    ...plan.services.map((service) => line(service.name, describe(service))),
    line('data', plan.dataDirectory),
    line('logs', `${join(plan.dataDirectory, 'logs')} (to read: npx dfs logs ${plan.dataDirectory})`),
    line('metrics', '/metrics at each address, for Prometheus'),
    line('copies', `${plan.replicas} of each file, ${plan.minReplicas} needed to accept a write`),
    '',
    'Try (Ctrl-C stops the cluster, the data stays):',
    `  curl -T README.md ${file}`,
    `  curl -L ${file}`,
    `  ${client}`,
    '',
  ].join('\n')
}

const urlOf = (port: number): string => `http://localhost:${port}`

const line = (label: string, value: string): string => `  ${label.padEnd(LABEL_WIDTH)}${value}`

function describe(service: ServicePlan): string {
  switch (service.kind) {
    case 'master':
      return `${urlOf(service.port)} (API: ${urlOf(service.port)}/docs)`
    case 'chunk-server':
      return urlOf(service.port)
    case 'gateway':
      return `${urlOf(service.port)}, line protocol on ports ${service.ports.slice(1).join(', ')}`
  }
}
