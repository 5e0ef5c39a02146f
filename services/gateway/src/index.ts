export { GATEWAY_DEFAULTS, type GatewayConfig, type ReleaseRule } from './config.ts'
export { buildGateway, type Gateway, type GatewayOptions, type GatewayPorts } from './gateway.ts'
export {
  type LineContent,
  type Listen,
  type Listener,
  type LineSocket,
  type LineSocketEvents,
  type LineStore,
  type ListenOptions,
  type StoredFile,
} from './ports.ts'
