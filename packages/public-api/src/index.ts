export {
  type BodySource,
  type ByteRange,
  type ExpectedDigest,
  type FileService,
  type OpenFile,
  type WriteReply,
  type WriteRequest,
} from './file-service.ts'
