/** What is written down beside each copy of a volume: the little that its log cannot say. */
import { type Disk, fromUtf8, readWhole, utf8, writeDurably } from '@dfs/core'
import { formatId, VolumeOrder } from '@dfs/protocol'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'

export const VOLUMES_DIRECTORY = 'volumes'

export const CopyState = Type.Object({
  formatVersion: Type.Literal(1),
  /** Identity and fixed set, as the master ordered them. */
  order: VolumeOrder,
  /** This copy's own id among the order's replicas. */
  replica: Type.Integer({ minimum: 1 }),
  state: Type.Enum(['open', 'sealed', 'failed']),
  sealedLengthBytes: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
  /** Every block below was read and verified after the seal. */
  verifiedToBytes: Type.Integer({ minimum: 0 }),
})
export type CopyState = Static<typeof CopyState>

const check = Compile(CopyState)

export const logName = (volume: number): string => `${VOLUMES_DIRECTORY}/${formatId(volume)}.log`
const stateName = (volume: number): string => `${VOLUMES_DIRECTORY}/${formatId(volume)}.json`

/** Replaces the state; durable when it resolves. */
export const saveState = (disk: Disk, state: CopyState): Promise<void> =>
  writeDurably(disk, stateName(state.order.volume), utf8(JSON.stringify(state)))

/** The state, or null where there is none. Throws where what is there was not written by this program. */
export async function loadState(disk: Disk, volume: number): Promise<CopyState | null> {
  const bytes = await readWhole(disk, stateName(volume))
  if (bytes === null) return null
  const value: unknown = JSON.parse(fromUtf8(bytes))
  if (!check.Check(value) || value.order.volume !== volume)
    throw new Error(`${stateName(volume)} is not readable`)
  return value
}

/** Volume ids of all states in a directory listing, and of all logs; other names are nobody's. */
export function volumesIn(names: readonly string[]): { states: number[]; logs: number[] } {
  const idsOf = (extension: string): number[] =>
    names
      .filter(
        (name) =>
          name.endsWith(extension) && /^[1-9a-f][0-9a-f]{0,13}$/.test(name.slice(0, -extension.length)),
      )
      .map((name) => Number.parseInt(name, 16))
  return { states: idsOf('.json'), logs: idsOf('.log') }
}
