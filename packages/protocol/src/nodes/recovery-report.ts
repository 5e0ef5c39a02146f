/** Anybody to the master: what became of a new history. A master that is older than the question answers ROUTE_NOT_FOUND. */
import Type from 'typebox'
import { RecoveryView, SALVAGED_LIMIT_MAX } from '../recovery.ts'
import { jsonMethod } from './method.ts'

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
const Request = Type.Object({
  before: Type.Union([Id, Type.Null()]),
  writesMax: Type.Integer({ minimum: 1, maximum: SALVAGED_LIMIT_MAX }),
})

export const viewRecovery = jsonMethod('POST /v1/recovery/reports', Request, RecoveryView)

/** From now on things may be deleted again. Idempotent. UNAVAILABLE while writes that were found have no name. */
export const confirmRecovery = jsonMethod('POST /v1/recovery/confirmations', Type.Object({}), RecoveryView)
