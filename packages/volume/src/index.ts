export { type AssembledRecord, assembleMost, assembleRecord } from './assemble.ts'
export {
  copyLogName,
  CopyState,
  copyStateName,
  encodeCopyState,
  isBeingCopied,
  parseCopyState,
  RetiredCopy,
  unwrittenStateName,
  VOLUMES_DIRECTORY,
  volumesIn,
} from './copy-state.ts'
export { combineCrc32, type Crc32 } from './crc32.ts'
export {
  areBlocksValid,
  BLOCK_BYTES,
  combineBlocks,
  CONTENT_BYTES_MAX,
  type ExpectedRecord,
  type FramedRecord,
  frameRecord,
  RECORD_HEADER_BYTES_MAX,
  RECORD_PATH_BYTES_MAX,
  isExpected,
  parseHeader,
  peekWitness,
  type RecordHeader,
  type RecordIdentity,
  sumContent,
  type SummedContent,
} from './record.ts'
export { type RecordContext, type RecordRun, recordRun } from './record-runs.ts'
export {
  type ReadInto,
  type Scanned,
  type ScannedRun,
  scanRuns,
  scanVolume,
  type ScanOptions,
  surveyVolume,
  type VolumeSurvey,
} from './scan.ts'
export { encodeIdentity, IDENTITY_FILES, parseIdentity, StoredIdentity } from './server-identity.ts'
export { isNewer, newest, type Witness } from './witness.ts'
