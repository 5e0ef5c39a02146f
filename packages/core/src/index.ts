export { formatAmount, formatBytes, formatCount, formatNames } from './amounts.ts'
export { assert, InvariantError, unreachable } from './assert.ts'
export { type Avoidance, avoidLonger, isAvoided } from './avoidance.ts'
export { backoffMs, type BackoffLimits } from './backoff.ts'
export { Batcher, type BatcherOptions, QueueFullError } from './batcher.ts'
export { byteCount, ByteReader, ByteWriter, concatBytes, fromUtf8, MalformedError, utf8 } from './bytes.ts'
export { decodeCheckedJson, decodeUncheckedJson, encodeCheckedJson, type Sum } from './checked-json.ts'
export { type Compression } from './compression.ts'
export { type Clock, DeadlineError, withDeadline } from './clock.ts'
export { Deadlines, type Due } from './deadlines.ts'
export {
  type Disk,
  DiskError,
  type DiskErrorKind,
  type DiskFile,
  type DiskSpace,
  isDiskName,
} from './disk.ts'
export { giveUpReserve, keepReserve, writeEssential } from './disk-reserve.ts'
export { readWhole, writeDurably } from './durable-file.ts'
export { BATCH_BOUNDS, Distribution, DURATION_BOUNDS_S } from './distribution.ts'
export { Listeners } from './listeners.ts'
export { type Log, type LogFields, silentLog } from './log.ts'
export { Outcome } from './outcome.ts'
export { Pace } from './pace.ts'
export { printable, printableJson, printableLine } from './printable.ts'
export { Timings } from './timings.ts'
export { withoutRepetition } from './repeated-news.ts'
export { type Random } from './random.ts'
export { type Runtime } from './runtime.ts'
export { SpaceWatch, type SpaceWatchDeps } from './space-watch.ts'
export { Semaphore } from './semaphore.ts'
export { type Attainment, StartWait } from './start-wait.ts'
export {
  type BackgroundWorker,
  type StepResult,
  type WorkerProgress,
  type WorkerStatus,
} from './workers/background-worker.ts'
export { RateMeter } from './workers/rate-meter.ts'
export { Runner, type RunnerOptions } from './workers/runner.ts'
export {
  type ByteSource,
  type CallOptions,
  type InboundStream,
  type ServedStreams,
  type StreamHandler,
  type StreamOptions,
  type StreamRequest,
  type Transport,
  TransportError,
  type TransportServer,
  type WireHandler,
  type WireReply,
  type WireRequest,
} from './transport.ts'
