/**
 * Questions of anybody to the master about what is stored and what is missing. A master that is older than they are answers
 * ROUTE_NOT_FOUND: who asks says that the health is unknown, and never fails.
 */
import Type from 'typebox'
import { Explanation, WEAK_FILES_MAX, WeakFiles, WeakState } from '../explain.ts'
import { HealthView } from '../health.ts'
import { WhichServer } from '../removal.ts'
import { jsonMethod } from './method.ts'

export const viewHealth = jsonMethod('POST /v1/cluster/health', Type.Object({}), HealthView)

export const explainFile = jsonMethod(
  'POST /v1/explanations',
  Type.Object({
    path: Type.String(),
    fromByte: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  }),
  Explanation,
)

export const listWeakFiles = jsonMethod(
  'POST /v1/explanations/lists',
  Type.Object({
    state: WeakState,
    after: Type.Union([Type.String(), Type.Null()]),
    filesMax: Type.Integer({ minimum: 1, maximum: WEAK_FILES_MAX }),
    /** With `only-on`. */
    server: Type.Optional(Type.Union([WhichServer, Type.Null()])),
  }),
  WeakFiles,
)
