export { type ChunkServer, type ChunkServerOptions, startChunkServer } from './chunk-server.ts'
export { type CreateHasher, type Hasher } from './files/content-digests.ts'
export { type ServerAddresses } from './master/master-session.ts'
export { DEFAULT_TUNING, type Tuning } from './tuning.ts'
