/** What this server answers to other nodes: primaries, coordinators, the master, and whoever begins a new history. */
import { type Runtime, type TransportServer } from '@dfs/core'
import { type FileService, methodHandler, servedStreams, type VolumeOrder } from '@dfs/protocol'
import { type Crc32 } from '@dfs/volume'
import { type CopyFigures } from '../copying/copy-figures.ts'
import { recoveryMethods } from '../master/recovery-methods.ts'
import { metadataCopyMethods } from '../metadata-copies/metadata-copy-methods.ts'
import { peerMethods } from '../replication/peer-methods.ts'
import { passedWrites } from '../writing/passed-writes.ts'
import { type MasterLink } from './master-link.ts'
import { type Storage } from './storage.ts'

export interface ServeNodesOptions {
  readonly name: string
  readonly crc32: Crc32
  readonly storage: Storage
  readonly link: MasterLink
  readonly files: FileService
  readonly copyFigures: CopyFigures
}

export function serveNodes(
  { clock, log, transport }: Runtime,
  { name, crc32, storage, link, files, copyFigures }: ServeNodesOptions,
): Promise<TransportServer> {
  const { identity, store, clientLoad } = storage
  const { directory, session } = link
  const methods = [
    ...peerMethods({
      identity,
      store,
      crc32,
      clientLoad,
      onGiven: (bytes) => copyFigures.noteGiven(bytes),
      onOrder: (order) => meetServers(order, link),
      hear: (epoch) => session.hear(epoch),
    }),
    ...metadataCopyMethods({
      identity,
      copies: storage.metadataCopies,
      crc32,
      requireCurrent: (epoch) => session.answers.require(epoch),
    }),
    ...recoveryMethods({ clock, name, identity, store, directory, session }),
  ]
  const routes = methods.map(({ route }) => route)
  return transport.serve(methodHandler(methods), routes, servedStreams([passedWrites({ clock, log, files })]))
}

/** An order that names a server of which the master has not told yet, or no longer as alive: it knows more by now. */
function meetServers({ replicas }: VolumeOrder, { directory, session }: MasterLink): void {
  const isNews = replicas.some(({ server, incarnation }) => {
    const known = directory.get(server)
    return known?.incarnation !== incarnation || known.liveness !== 'alive'
  })
  if (isNews) session.nudge()
}
