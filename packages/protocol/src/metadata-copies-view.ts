/** What is seen of the copies of the metadata that chunk servers hold. */
import Type, { type Static } from 'typebox'

const Count = Type.Integer({ minimum: 0 })
const Age = Type.Union([Count, Type.Null()], {
  description: 'Milliseconds for which there has been something that it lacks; null if it is not whole.',
})

export const MetadataCopiesView = Type.Object(
  {
    wanted: Type.Integer({ minimum: 1, description: 'Copies that there are to be.', examples: [3] }),
    holders: Type.Array(
      Type.Object({
        name: Type.String({ examples: ['chunk-server-1'] }),
        isWhole: Type.Boolean({ description: 'Whether the server has one whole copy, however old.' }),
        ageMs: Age,
      }),
    ),
    ageMs: Type.Union([Count, Type.Null()], {
      description:
        'Milliseconds for which there has been something that most of the holders lack; null if none of them has a whole copy.',
    }),
    bytesBehind: Type.Integer({
      minimum: 0,
      description: 'What most of the holders have not confirmed yet.',
    }),
  },
  {
    description: 'Copies of the metadata on chunk servers. A master that is older than those leaves it out.',
  },
)
export type MetadataCopiesView = Static<typeof MetadataCopiesView>
