/**
 * The settings that the master and chunk servers have in common: two listeners, how each is reached, and logs. A service
 * spreads them into its own schema, so that one variable means one thing everywhere.
 */
import { FREE_SPACE_FLOOR_BYTES, MIB } from '@dfs/protocol'
import Type from 'typebox'
import { LOG_SETTINGS } from './log-settings.ts'

export const NODE_SETTINGS = Object.freeze({
  listenHost: Type.String({ default: '127.0.0.1', description: 'Address of the public listener.' }),
  internalHost: Type.String({
    default: '127.0.0.1',
    description: 'Address of the listener for calls between nodes.',
  }),
  internalPort: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 65_535,
      description: 'Its port; `DFS_PORT` + 100 if it is not set.',
    }),
  ),
  internalAdvertised: Type.Optional(
    Type.String({
      pattern: String.raw`^[^\s]+:\d{1,5}$`,
      description: '`host:port` where other nodes reach it; the two above if it is not set.',
    }),
  ),
  advertisedUrl: Type.Optional(
    Type.String({
      pattern: '^https?://',
      description:
        "Where clients reach the public listener; the caller's own host name and `DFS_PORT` if it is not set.",
    }),
  ),
  allowedHosts: Type.Array(Type.String(), {
    default: [],
    description: 'Host names that requests may name besides localhost and IP addresses.',
  }),
  freeSpaceFloorMib: Type.Integer({
    minimum: 1,
    maximum: 1_048_576,
    default: FREE_SPACE_FLOOR_BYTES / MIB,
    description:
      'MiB on the disk of the data directory below which nothing more is stored. Reads go on, and so does what must be written all the same.',
  }),
  ...LOG_SETTINGS,
})
