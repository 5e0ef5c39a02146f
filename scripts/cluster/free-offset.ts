/** Finds a port offset for clusters of tests and benchmarks, which must not disturb one that runs on the usual ports. */
import { checkPortsFree } from './free-ports.ts'
import { LaunchError } from './launch-error.ts'
import { CHUNK_SERVERS_MAX, PORT_OFFSET_STEP } from './options.ts'
import { planCluster } from './plan.ts'

/** Offsets from 10,000 to 24,000 keep all ports below those that systems give to outgoing connections. */
const FIRST = 10
const COUNT = 15

/** An offset whose ports are all free at the moment. Starts at a random one, so that parallel callers rarely meet. */
export async function findFreeOffset(): Promise<number> {
  const start = Math.floor(Math.random() * COUNT)
  for (let tried = 0; tried < COUNT; tried += 1) {
    const portOffset = (FIRST + ((start + tried) % COUNT)) * PORT_OFFSET_STEP
    if (await isFree(portOffset)) return portOffset
  }
  throw new LaunchError('no port offset from 10,000 to 24,000 has all its ports free')
}

async function isFree(portOffset: number): Promise<boolean> {
  const programs = { master: '', 'chunk-server': '', gateway: '' }
  const plan = planCluster({
    dataDirectory: '/',
    chunkServers: CHUNK_SERVERS_MAX,
    portOffset,
    programs,
    environment: {},
  })
  try {
    await checkPortsFree(plan)
    return true
  } catch (error) {
    if (error instanceof LaunchError) return false
    throw error
  }
}
