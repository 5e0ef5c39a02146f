export { CHANGE_SET_OVERHEAD_BYTES, packChangeSets, unpackChangeSets } from './change-sets.ts'
export {
  encodeChanges,
  encodeFrame,
  encodeSnapshotEnd,
  encodeSnapshotPiece,
  type FrameCodec,
  type FrameDraft,
  type FrameOrigin,
  FrameTooLargeError,
} from './encode.ts'
export {
  FRAME_HEADER_BYTES,
  FRAME_RAW_BYTES_MAX,
  FRAME_STORED_BYTES_MAX,
  type FrameHeader,
  type FrameKind,
  parseFrameHeader,
  writeFrameHeader,
} from './frame.ts'
export { copyFileName, type CopyFileKind, METADATA_COPIES_DIRECTORY, parseCopyFileName } from './names.ts'
export { chooseNewest, findTwoHistories, type PlacedCopy, rankCopies } from './newest.ts'
export { areTwoHistories, comparePositions, describePosition, isSamePosition } from './position.ts'
export { type CopyEnd, type CopyPart, follows, readCopy, type ReadCopyOptions } from './read-copy.ts'
export { decodeFrames, type Frame, FrameScanner, type FramesEnd, storedOf } from './scan.ts'
