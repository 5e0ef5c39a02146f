/**
 * The registry of prom-client by itself. The package's own entry loads its default metrics and an OpenTelemetry interface with
 * them, 20 MiB and a tenth of a second for what nobody uses here.
 */
declare module 'prom-client/lib/registry.js' {
  import { type Registry } from 'prom-client'

  const registry: typeof Registry
  export default registry
}
