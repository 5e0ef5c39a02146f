/** The gateway's port to storage over the cluster's own client: REST, with its retries and its choice of server. */
import { type DfsClient } from '@dfs/client'
import { type ServerView } from '@dfs/protocol'
import { type LineStore } from './ports.ts'

/**
 * `client` carries content and is patient with a server that is slow with it; `questions` asks about the cluster, which
 * any server answers at once, and should soon go on to the next one: the first may be the very one that hangs.
 */
export function clientStore(client: DfsClient, questions: DfsClient): LineStore {
  return {
    async overwrite(path, content, signal) {
      await client.put(path, content, { signal })
    },
    async write(path, { size, bytes }, signal) {
      await client.put(path, bytes, { size, ifMatch: '*', signal })
    },
    async read(path, signal) {
      const download = await client.get(path, { signal })
      return {
        size: download.info.size,
        body: download.body,
        pause: () => download.pause(),
        cancel: () => download.cancel(),
      }
    },
    async remove(path, signal) {
      await client.remove(path, { signal })
    },
    async primary(signal) {
      return indexOfPreferred(await questions.servers({ signal }))
    },
  }
}

/** Chunk ports stand for the servers in the order of their public ports: 7071 is 6001, 7072 is 6002, and so on. */
function indexOfPreferred(servers: readonly ServerView[]): number | null {
  const inOrder = servers.toSorted((a, b) => portOf(a) - portOf(b) || a.id - b.id)
  const index = inOrder.findIndex((server) => server.isPreferred && server.liveness !== 'dead')
  return index === -1 ? null : index
}

/** 0 if the address names none, which then is the scheme's. */
const portOf = ({ url }: ServerView): number => (URL.canParse(url) ? Number(new URL(url).port) : 0)
