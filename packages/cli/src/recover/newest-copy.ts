/**
 * The newest copy of the metadata on all servers that can be found. Those that were named tell of others, but not if they were
 * started after the master was lost: then only the metadata itself says who they are. So whom a copy names is asked as well, until
 * nobody turns up who has a newer one.
 */
import { printable, type Transport } from '@dfs/core'
import { comparePositions, describePosition } from '@dfs/metadata-copy'
import { DfsError } from '@dfs/protocol'
import { type FreshDirectory, FreshMetadata } from '../local/fresh-metadata.ts'
import { formatBytes, formatCount } from '../text.ts'
import { type Answered, type KnownServer } from './history.ts'
import { findCopies, type HeldMetadata, orderCopies, rebuild, type Rebuilt } from './metadata-copies.ts'
import { askAll } from './servers.ts'

export interface NewestCopyOptions {
  readonly named: readonly KnownServer[]
  /** Whose copy it has to be; null for the newest. */
  readonly from: string | null
  readonly directory: FreshDirectory
  readonly say: (text: string) => void
}

/** Throws UNAVAILABLE if nobody answers or no copy can be used, WRONG_CLUSTER, INVALID_REQUEST as {@link orderCopies}. */
export async function openNewestCopy(
  transport: Transport,
  { named, from, directory, say }: NewestCopyOptions,
): Promise<FreshMetadata> {
  let { answered } = await askAll(transport, [], named)
  if (answered.length === 0) {
    throw new DfsError(
      'UNAVAILABLE',
      `no answer from ${named.map(({ name }) => name).join(', ')}: name chunk servers that run, by the addresses at which other nodes reach them`,
    )
  }
  const first = await copiesOf(transport, answered, { from, say })
  let rebuilt = await rebuild(transport, first, directory.scratch)
  for (;;) {
    const metadata = open(directory, rebuilt)
    const found = new Set<string | null>(answered.map(({ testimony }) => testimony.diskUid))
    if (from !== null || metadata.facts.servers.every(({ diskUid }) => found.has(diskUid))) return metadata
    const { answered: more } = await askAll(transport, metadata.facts.servers, named)
    if (more.length <= answered.length) return metadata
    metadata[Symbol.dispose]()
    answered = more
    const copies = await copiesOf(transport, answered, { from, say })
    const isNewer = comparePositions(copies[0]!.position, rebuilt.position) > 0
    rebuilt = isNewer ? await rebuild(transport, copies, directory.scratch) : { ...rebuilt, copies }
  }
}

async function copiesOf(
  transport: Transport,
  answered: readonly Answered[],
  { from, say }: Pick<NewestCopyOptions, 'from' | 'say'>,
): Promise<HeldMetadata[]> {
  const copies = orderCopies(await findCopies(transport, answered), from)
  const said = copies.map(({ name, position }) => `${name} has ${describePosition(position)}`)
  say(`Copies of the metadata: ${said.join('; ')}.`)
  return copies
}

const open = (directory: FreshDirectory, rebuilt: Rebuilt): FreshMetadata =>
  FreshMetadata.open({
    directory,
    file: rebuilt.file,
    about: aboutCopy(rebuilt),
    view: { copies: rebuilt.tried },
  })

function aboutCopy({ from, tried, position, copies }: Rebuilt): string[] {
  const bytes = tried.find(({ held }) => held === from)?.bytes ?? 0
  const others = copies.filter(({ name }) => name !== from.name).map(({ name }) => name)
  const damaged = tried.filter(({ damage }) => damage !== null)
  return [
    `The newest copy of the metadata: that of ${from.name}, snapshot of ${formatBytes(bytes)} and all changes up to ${describePosition(position)}.`,
    ...(others.length === 0
      ? []
      : [`${formatCount(others.length, 'other copy', 'other copies')}: ${others.join(', ')}.`]),
    ...damaged.map(({ held, position: reached, damage }) =>
      printable(
        `The copy of ${held.name} is ${reached === null ? 'of no use' : `good up to ${describePosition(reached)}`}: ${damage}.`,
      ),
    ),
  ]
}
