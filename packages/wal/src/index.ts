export { copyIntact, copyMended, copyReadable } from './copy.ts'
export {
  FRAME_HEADER_BYTES,
  isEqual,
  LOG_HEADER_BYTES,
  type LogHeader,
  offsetOfFrame,
  parseFrameHeader,
  parseLogHeader,
  viewOf,
} from './format.ts'
export { type DamagedLog, inspectLog, type LogState } from './inspect.ts'
export {
  keepAside,
  type KeepWish,
  type Kept,
  type KeptFile,
  type KeptReason,
  listKept,
  removeKept,
} from './kept.ts'
export { type BitFlip, type LogBytes, withFlips } from './log-bytes.ts'
export { cutLog, mendLog } from './replace.ts'
export { type LogScan } from './scan.ts'
