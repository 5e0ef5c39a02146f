/** Background work as `GET /v1/workers` shows it: each node tells of its own. */
import Type, { type Static } from 'typebox'

const Count = Type.Integer({ minimum: 0 })

export const WorkerView = Type.Object({
  name: Type.String({ examples: ['verify-copies'] }),
  state: Type.Enum(['running', 'waiting', 'paused']),
  why: Type.Union([Type.String(), Type.Null()], {
    description: 'What it waits for; null while it runs. For people.',
    examples: ['every sealed copy is verified'],
  }),
  unit: Type.Enum(['bytes', 'items'], { description: 'What `progress`, `did` and `perSecond` count.' }),
  progress: Type.Union([Type.Object({ done: Count, total: Count }), Type.Null()], {
    description: 'How far it is with what it has before it; null if it has nothing, or cannot say.',
  }),
  did: Type.Integer({ minimum: 0, description: 'Since the node started.' }),
  perSecond: Type.Number({ minimum: 0, description: 'Of about the last minute.' }),
  lastError: Type.Union(
    [
      Type.Object({
        message: Type.String(),
        atMs: Type.Integer({ description: 'Milliseconds since 1970, by the clock of the node.' }),
      }),
      Type.Null(),
    ],
    { description: 'What last went wrong since the node started; the worker has gone on since.' },
  ),
})
export type WorkerView = Static<typeof WorkerView>

export const NodeWorkersView = Type.Object({
  node: Type.String({ description: 'The node that answers.', examples: ['chunk-1'] }),
  masterUrl: Type.Union([Type.String(), Type.Null()], {
    description:
      'Where you reach the master, which is in no list of servers; null if this node does not know.',
    examples: ['http://localhost:7070'],
  }),
  workers: Type.Array(WorkerView),
})
export type NodeWorkersView = Static<typeof NodeWorkersView>
