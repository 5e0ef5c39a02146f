/** Anybody to the master: a server is gone for good. A master that is older than the question answers ROUTE_NOT_FOUND. */
import Type from 'typebox'
import { RemovalView, WhichServer } from '../removal.ts'
import { jsonMethod } from './method.ts'

export const removeServer = jsonMethod(
  'POST /v1/servers/removals',
  Type.Object({ server: WhichServer, acceptLoss: Type.Boolean() }),
  RemovalView,
)
