export { type Endpoints, type PublicEndpoint } from './addresses.ts'
export { buildPublicApp } from './app.ts'
export { type Content, type PublicAppOptions } from './deps.ts'
