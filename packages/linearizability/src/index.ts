export { checkHistory, type CheckOptions, type CheckResult } from './check.ts'
export { type Violation } from './explain.ts'
export {
  type Answered,
  type CreateOperation,
  type DeleteOperation,
  type History,
  type HistoryEntry,
  HistoryError,
  type ListOperation,
  type Operation,
  type Outcome,
  type PutOperation,
  type ReadOperation,
  type Refused,
  type RenameOperation,
  type Unknown,
} from './history.ts'
export { formatHistory, parseHistory } from './json-lines.ts'
export { HistoryRecorder, type RecordedCall, type RecorderOptions } from './recorder.ts'
