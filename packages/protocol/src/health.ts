/**
 * Health: whether everything that is stored is there, and what is missing if it is not. The master decides it
 * (services/master/src/domain/health) and everybody shows it: `GET /v1/health` on every node, `dfs status`, the launcher.
 *
 * A reason is for people and programs alike: a code, a text with the numbers, since when, and what to do next. What each code
 * means at length stands in docs/operating.md. What cannot be seen is `unknown`; it is never assumed to be well.
 */
import Type, { type Static } from 'typebox'

/** Each is worse than those before it. */
export const HEALTH_STATES = ['healthy', 'degraded', 'unknown', 'unavailable'] as const
export const HealthState = Type.Enum([...HEALTH_STATES], {
  description:
    '`healthy`: every copy that was promised is there. `degraded`: everything works, and something is missing. `unavailable`: some file cannot be read, or nothing can be written. `unknown`: not enough was heard to say.',
})
export type HealthState = Static<typeof HealthState>

/** Every code with what to do next. */
export const HEALTH_CODES = Object.freeze({
  'files-lost': 'Bring back the servers or disks that are gone; `dfs why --lost` names the files.',
  'files-damaged':
    'Try to read them: most can be. `dfs fsck` finds what is damaged, `dfs why --short` names the files. Put a disk back that has it whole, or write the files again.',
  'files-not-seen':
    'Wait until the servers that have not reported do, or start them. For one that will not come back: `dfs server remove NAME --lost`.',
  'files-short':
    'Nothing: missing copies are made again by themselves, a few seconds after a server is gone. Until then do not stop another server; `dfs why --short` names the files.',
  'files-narrow': 'Nothing: no copy is lost, and the others are made as soon as a server has room.',
  'server-gone':
    'Start it again with its disk; its log says why it ended. What it had is made again elsewhere by itself. If it will not come back, say so: `dfs server remove NAME --lost`.',
  'server-silent': 'Wait a moment. If it stays silent, look at its log and at the network.',
  'server-not-heard': 'Wait a moment. If it does not report, start it and look at its log.',
  'disk-cloned':
    'Stop the one that should not run, and empty its data directory: it then joins as another server.',
  'address-shared': 'Give each its own internal address (DFS_INTERNAL_ADVERTISED) and restart it.',
  'too-few-servers': 'Start the servers that are down, or add one.',
  'server-full': 'Free space on that disk, or add a server.',
  'cluster-full': 'Free space on the disks, or add a server. Reading goes on.',
  repairing: 'Nothing: copies are made again by themselves. `dfs repairs` shows how far that is.',
  'repair-waiting':
    'What the reason names: bring that server back, add one, or free space. For one that will not come back: `dfs server remove NAME --lost`.',
  verifying: 'Nothing: copies are read in the background. `dfs workers` shows how far that is.',
  'copies-damaged':
    'Damage is mended from other copies by itself. If it stays, look at the log and the disk of that server.',
  'metadata-kept': "Look at the disk and the memory of the master's machine; see docs/operating.md.",
  'metadata-full': "Free space on the master's disk. Reading goes on.",
  'metadata-copies-few':
    'Start the chunk servers that are down, or add one: the metadata is to have copies on three.',
  'metadata-copies-behind':
    'Wait a moment. If it stays so, look at the logs and the disks of the chunk servers that it names.',
  'metadata-fenced':
    'Start the chunk servers that hold copies of the metadata, or mend the network to them; see docs/operating.md.',
  'backup-refused':
    'Stop the master and put the newest copy of its data directory back; see docs/operating.md.',
  salvaging: 'Nothing: it goes on by itself. `dfs recover --report` names each.',
  'recovery-unconfirmed':
    'See `dfs recover --report`, and whether everything is there; then `dfs recover --confirm`.',
  'master-unreachable': 'Start the master, or look at its log and at the network.',
  'program-outdated': 'Start the newest program on every node.',
})
export type HealthCode = keyof typeof HEALTH_CODES

/** Servers that one reason names at most. */
export const REASON_SERVERS_MAX = 20

const Count = Type.Integer({ minimum: 0 })
const WallMs = Type.Integer({ minimum: 0, description: 'Milliseconds since 1970, by the clock of the node.' })

export const HealthReason = Type.Object({
  code: Type.String({
    description: 'Stable; programs of later versions may have more. docs/operating.md explains each.',
    examples: ['files-short'],
  }),
  state: HealthState,
  text: Type.String({
    description: 'For people, with the numbers.',
    examples: ['12,040 files (3.1 GiB) have 2 of 3 copies: chunk-server-2 is gone'],
  }),
  count: Type.Integer({
    minimum: 0,
    description: 'How many it is about: files, servers, or copies, as the code has it.',
    examples: [12040],
  }),
  bytes: Type.Union([Count, Type.Null()], { description: 'Bytes of those files; null for other things.' }),
  copies: Type.Union([Count, Type.Null()], {
    description: 'Good copies that they have; null if that is not what it is about.',
  }),
  servers: Type.Array(Type.String(), {
    maxItems: REASON_SERVERS_MAX,
    description: 'Names of the servers that it is about or comes from.',
    examples: [['chunk-server-2']],
  }),
  sinceMs: Type.Union([WallMs, Type.Null()], {
    description:
      'Since when, in milliseconds since 1970: when a server was last heard, otherwise when this start of the master first saw it. Null if nobody knows.',
  }),
  next: Type.String({ description: 'What to do.', examples: [HEALTH_CODES['files-short']] }),
})
export type HealthReason = Static<typeof HealthReason>

const Held = { volumes: Count, files: Count, bytes: Count }

/** What is stored, by how many good copies there are of it. */
export const CopyCounts = Type.Object({
  wanted: Type.Integer({ minimum: 1, description: 'Copies that everything is to have.', examples: [3] }),
  isEstimate: Type.Boolean({
    description:
      'Whether some server has not reported yet since the master started: there are then at least so many good copies.',
  }),
  byCopies: Type.Array(Type.Object({ copies: Count, ...Held }), {
    description:
      'By number of good copies, the most first. A file counts where its weakest part does; files are stored contents: current versions, earlier ones, and what deleted files had. Empty ones need no copy and are not counted.',
  }),
})
export type CopyCounts = Static<typeof CopyCounts>

export const HealthView = Type.Object({
  state: HealthState,
  reasons: Type.Array(HealthReason, { description: 'The worst first; none if all is well.' }),
  counts: Type.Union([CopyCounts, Type.Null()], { description: 'Null if the master was not asked.' }),
  atMs: WallMs,
})
export type HealthView = Static<typeof HealthView>

/** What a reason says besides its code; what to do is what its code says unless something else is known. */
export type ReasonParts = Pick<HealthReason, 'state' | 'text'> &
  Partial<Pick<HealthReason, 'count' | 'bytes' | 'copies' | 'servers' | 'sinceMs' | 'next'>>

export function healthReason(code: HealthCode, parts: ReasonParts): HealthReason {
  const { state, text, count = 1, bytes = null, copies = null, servers = [], sinceMs = null } = parts
  const { next = HEALTH_CODES[code] } = parts
  const named = servers.slice(0, REASON_SERVERS_MAX)
  return { code, state, text, count, bytes, copies, servers: named, sinceMs, next }
}

const rankOf = (state: HealthState): number => HEALTH_STATES.indexOf(state)

/** The whole is as its worst reason; the worst stands first, otherwise the order given is kept. */
export function healthView(
  reasons: readonly HealthReason[],
  { counts, atMs }: Pick<HealthView, 'counts' | 'atMs'>,
): HealthView {
  const sorted = reasons.toSorted((a, b) => rankOf(b.state) - rankOf(a.state))
  return { state: sorted[0]?.state ?? 'healthy', reasons: sorted, counts, atMs }
}

/** What a node says of a cluster whose master it cannot ask, or whose master knows nothing of health. */
export const unseenHealth = (code: HealthCode, parts: ReasonParts, atMs: number): HealthView =>
  healthView([healthReason(code, parts)], { counts: null, atMs })
