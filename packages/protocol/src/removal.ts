/** A chunk server that a person names as gone for good: what `POST /v1/servers/{name}/removal` takes and answers. */
import Type, { type Static } from 'typebox'

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

/** Names in a removal. */
export const REMOVAL_PATHS_MAX = 5

/** A disk that was replaced and the one in its place have one name: without an id the one is meant that is not there. */
export const WhichServer = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 255 }),
  id: Type.Union([Id, Type.Null()]),
})
export type WhichServer = Static<typeof WhichServer>

export const RemovalBody = Type.Object(
  {
    lost: Type.Literal(true, { description: 'That it is gone for good, with its disk.' }),
    acceptLoss: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Whether the files are given up that it alone may have a good copy of.',
      }),
    ),
    id: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Which of several servers of this name, as `GET /v1/servers` has it.',
      }),
    ),
  },
  { additionalProperties: false },
)

export const RemovalView = Type.Object({
  id: Id,
  name: Type.String({ examples: ['chunk-server-2'] }),
  wasRemoved: Type.Boolean({
    description: 'Whether it had been removed before: then nothing was done, and nothing is counted again.',
  }),
  files: Type.Integer({
    minimum: 0,
    description: 'Stored contents that were given up: nobody else was known to have a good copy of them.',
  }),
  bytes: Count,
  paths: Type.Array(Type.String(), {
    description: 'The first current files of them, in the order of their paths.',
  }),
})
export type RemovalView = Static<typeof RemovalView>

export interface RemovalRequest {
  readonly server: WhichServer
  readonly acceptLoss: boolean
}
