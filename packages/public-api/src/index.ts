export {
  type BodySource,
  type ByteRange,
  type ExpectedDigest,
  type FileService,
  type OpenFile,
  type WriteReply,
  type WriteRequest,
} from './file-service.ts'
export { type Endpoints, type PublicEndpoint } from './addresses.ts'
export { buildPublicApp } from './app.ts'
export { BodyPace } from './body-pace.ts'
export { type Content, type PublicAppOptions } from './deps.ts'
export { writeReply } from './write-reply.ts'
