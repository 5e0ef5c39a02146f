/**
 * Which server a person means who names one as gone. Names are not unique: a disk that was replaced and the one in its place have the
 * same. The one is meant that is not there; where there are several, an id has to say which.
 */
import { formatNames } from '@dfs/core'
import { DfsError, type WhichServer } from '@dfs/protocol'

export interface NamedServer {
  readonly id: number
  readonly name: string
  readonly isRemoved: boolean
  /** Since it was heard, or since the master started if it was not since. */
  readonly silentForMs: number
  /** Whether it was heard since the master started. */
  readonly isHeard: boolean
}

const NAMED_MAX = 5

/** The one that is gone, or was removed before. Throws SERVER_NOT_FOUND, SERVER_ALIVE, INVALID_REQUEST if several could be meant. */
export function goneServer(
  which: WhichServer,
  servers: readonly NamedServer[],
  deadAfterMs: number,
): NamedServer {
  const { gone, there, removed } = called(which, servers, deadAfterMs)
  const found = onlyOne(which, gone) ?? removed.at(-1)
  if (found !== undefined) return found
  const quietest = there.reduce((one, other) => (other.silentForMs > one.silentForMs ? other : one))
  throw new DfsError('SERVER_ALIVE', whyNot(quietest, deadAfterMs))
}

/** The one that is gone, otherwise one that is there, or was removed. Throws SERVER_NOT_FOUND, INVALID_REQUEST if several could be meant. */
export function anyServer(
  which: WhichServer,
  servers: readonly NamedServer[],
  deadAfterMs: number,
): NamedServer {
  const { gone, there, removed } = called(which, servers, deadAfterMs)
  return onlyOne(which, gone) ?? onlyOne(which, there) ?? onlyOne(which, removed)!
}

function called({ name, id }: WhichServer, servers: readonly NamedServer[], deadAfterMs: number) {
  const all = servers.filter((server) => server.name === name)
  if (all.length === 0) throw new DfsError('SERVER_NOT_FOUND', `no server is called ${name}`)
  const meant = all.filter((server) => id === null || server.id === id)
  if (meant.length === 0)
    throw new DfsError('SERVER_NOT_FOUND', `no server with id ${id} is called ${name}, but ${listed(all)}`)
  const present = meant.filter(({ isRemoved }) => !isRemoved)
  return {
    gone: present.filter(({ silentForMs }) => silentForMs >= deadAfterMs),
    there: present.filter(({ silentForMs }) => silentForMs < deadAfterMs),
    removed: meant.filter(({ isRemoved }) => isRemoved),
  }
}

function onlyOne({ name }: WhichServer, servers: readonly NamedServer[]): NamedServer | undefined {
  if (servers.length > 1)
    throw new DfsError(
      'INVALID_REQUEST',
      `several servers are called ${name}, say which by its id: ${listed(servers)}`,
    )
  return servers[0]
}

/** Throws SERVER_ALIVE. */
export function requireGone(server: NamedServer, deadAfterMs: number): void {
  if (server.silentForMs < deadAfterMs) throw new DfsError('SERVER_ALIVE', whyNot(server, deadAfterMs))
}

const listed = (servers: readonly NamedServer[]): string =>
  formatNames(
    servers.map(({ id }) => `id ${id}`),
    NAMED_MAX,
  )

function whyNot({ name, id, silentForMs, isHeard }: NamedServer, deadAfterMs: number): string {
  const [silent, needed] = [Math.floor(silentForMs / 1000), deadAfterMs / 1000]
  const heard = isHeard
    ? `was heard ${silent} s ago`
    : `has not been heard since the master started ${silent} s ago`
  return `${name} (id ${id}) ${heard}: it must have been silent for ${needed} s`
}
