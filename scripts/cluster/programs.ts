/** Where the services of this repository start. Apart from the plan, so that tests can plan with other programs. */
import { fileURLToPath } from 'node:url'
import { type ServicePrograms } from './plan.ts'

const mainOf = (service: string): string =>
  fileURLToPath(new URL(`../../services/${service}/src/main.ts`, import.meta.url))

export const SERVICE_PROGRAMS: ServicePrograms = Object.freeze({
  master: mainOf('master'),
  'chunk-server': mainOf('chunk-server'),
  gateway: mainOf('gateway'),
})
