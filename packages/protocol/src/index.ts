export * from './body-pace.ts'
export * from './errors.ts'
export * from './feature-levels.ts'
export * from './file-service.ts'
export * from './ids.ts'
export * from './limits.ts'
export { type LineEvent, LineDecoder } from './line/decoder.ts'
export * from './line/limits.ts'
export * from './line/replies.ts'
export {
  type FileRequest,
  type LinePort,
  type LineRequest,
  type MasterRequest,
  parseLine,
  type ParsedLine,
} from './line/requests.ts'
export * from './namespace.ts'
export * from './nodes/commands.ts'
export * from './nodes/commits.ts'
export * from './nodes/copy-jobs.ts'
export * from './nodes/listings.ts'
export * from './nodes/looked-up.ts'
export * from './nodes/lookups.ts'
export * from './nodes/membership.ts'
export * from './nodes/method.ts'
export * from './nodes/orders.ts'
export * from './nodes/passed-writes.ts'
export * from './nodes/recovery.ts'
export * from './nodes/request-numbers.ts'
export * from './nodes/streamed-method.ts'
export * from './nodes/volume-order.ts'
export * from './nodes/volumes.ts'
export * from './path.ts'
export * from './readiness.ts'
export * from './rest.ts'
export * from './workers.ts'
export * from './write-reply.ts'
