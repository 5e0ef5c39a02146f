/** A chunk server in a process of its own, with a master as `main.ts` plays it. Arguments: name, data directory, port, master, key in hex. */
import { silentLog } from '@dfs/core'
import { startChunkServer } from '@dfs/chunk-server'
import { crc32, createHasher, nodeRuntime } from '@dfs/node-runtime'

const [name, dataDirectory, port, masterAddress, key] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
]
const internalAddress = `127.0.0.1:${port}`
process.once('disconnect', () => process.exit(0))
const runtime = await nodeRuntime({
  dataDirectory,
  listenHost: '127.0.0.1',
  listenPort: Number(port),
  clusterKey: Buffer.from(key, 'hex'),
  log: silentLog,
})
await startChunkServer(runtime, {
  masterAddress,
  addresses: { name, zone: name, internalAddress, publicPort: 1, advertisedUrl: null },
  crc32,
  createHasher,
  onFatal: (error) => {
    throw error
  },
})
