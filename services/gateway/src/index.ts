export { GATEWAY_DEFAULTS, type GatewaySettings, type ReleaseRule } from './settings.ts'
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
