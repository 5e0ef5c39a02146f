/** How the fake nodes answer who asks for a backup: the master hands it out, the others name the master. */
import { formatPosition, HEADERS } from '@dfs/protocol'
import { crc32, formatCrc32 } from '../../src/checksum.ts'
import { type FakeNodes, type FakeReply, type FakeRequest, json } from './exchange.ts'

export function backupReply(nodes: FakeNodes, { isMaster, target }: FakeRequest): FakeReply {
  if (!isMaster) {
    const location = `${nodes.urlOf(0)}${target}`
    const reply = json(307, { location, hint: 'The master has it' })
    return { ...reply, headers: { ...reply.headers, location } }
  }
  const { info, bytes } = nodes.backup
  return {
    status: 200,
    headers: {
      'content-type': 'application/vnd.sqlite3',
      trailer: HEADERS.crc32,
      [HEADERS.clusterId]: info.clusterId,
      [HEADERS.position]: formatPosition(info.position),
      [HEADERS.schema]: String(info.schema),
      [HEADERS.size]: String(bytes.byteLength),
    },
    body: bytes,
    trailers: { [HEADERS.crc32]: formatCrc32(crc32(bytes)) },
  }
}
