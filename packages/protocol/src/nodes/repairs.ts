/** Anybody to the master: which copies are made again. A master that is older than the question answers ROUTE_NOT_FOUND. */
import Type from 'typebox'
import { REPAIRS_LIMIT_MAX, RepairsView } from '../repairs.ts'
import { jsonMethod } from './method.ts'

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })

export const listRepairs = jsonMethod(
  'POST /v1/repairs/lists',
  Type.Object({
    before: Type.Union([Id, Type.Null()]),
    repairsMax: Type.Integer({ minimum: 1, maximum: REPAIRS_LIMIT_MAX }),
  }),
  RepairsView,
)
