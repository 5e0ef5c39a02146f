export { ConfigError, describeConfig, loadConfig, unknownVariables, variableName } from './config.ts'
export { addHealthRoutes } from './health.ts'
export { HTTP_LIMITS } from './http-limits.ts'
export { buildHttpServer, crash, type HttpServerOptions } from './http-server.ts'
export {
  Lifecycle,
  type LifecycleOptions,
  type LifecycleState,
  RefusalError,
  runProcess,
  STOP_PHASES,
  type StopPhase,
} from './lifecycle.ts'
export { listen, type Listening } from './listening.ts'
export { LOG_SETTINGS, openServiceLog, type ServiceLogOptions } from './log-settings.ts'
export {
  chooseLogFormat,
  createLog,
  LOG_LEVELS,
  type LogFormat,
  type LogLevel,
  type LogOptions,
  type ServiceLog,
} from './logging.ts'
export { type Labels, Metrics, type Read, type Sample, timingSamples } from './metrics/metrics.ts'
export { addNodeMetrics, addWorkerMetrics } from './metrics/node-metrics.ts'
export { addMetricsRoute } from './metrics/metrics-route.ts'
export { addProcessMetrics, PROGRAM_VERSION } from './metrics/process-metrics.ts'
export { NODE_SETTINGS } from './node-settings.ts'
export { isSafeMethod, PROBLEM_TYPE, sendProblem, toDfsError } from './problem.ts'
export { runService, type ServiceContext, type ServiceDefinition } from './service.ts'
export { compileRouteSchema } from './validation.ts'
