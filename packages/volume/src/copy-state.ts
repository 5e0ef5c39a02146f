/**
 * What a chunk server writes down beside each copy of a volume: the little that its log cannot say. Its form is known to
 * whoever reads a data directory, the server itself and `dfs fsck`. It is a format of the disk, not of the wire: what nodes
 * say to each other may change without it.
 */
import { decodeCheckedJson, decodeUncheckedJson, encodeCheckedJson, type Sum } from '@dfs/core'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'

export const VOLUMES_DIRECTORY = 'volumes'

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })

/** Identity of a volume and its first set, as the master ordered them. */
const WrittenOrder = Type.Object({
  volume: Id,
  kind: Type.Enum(['small', 'large']),
  /** The size of this volume, if it has one of its own. */
  sizeBytes: Type.Optional(Id),
  /** 16 hexadecimal digits. */
  salt: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  primary: Type.Object({ server: Id, incarnation: Id }),
  replicas: Type.Array(Type.Object({ replica: Id, server: Id, incarnation: Id }), {
    minItems: 1,
    maxItems: 9,
  }),
})

export const CopyState = Type.Object(
  {
    /** 2 if there is an `origin`: a program that is older than that leaves such a copy aside. */
    formatVersion: Type.Union([Type.Literal(1), Type.Literal(2)]),
    order: WrittenOrder,
    /** This copy's own id among the order's replicas. */
    replica: Type.Integer({ minimum: 1 }),
    state: Type.Enum(['open', 'sealed', 'failed']),
    sealedLengthBytes: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
    /** Every block below was read and verified after the seal. */
    verifiedToBytes: Type.Integer({ minimum: 0 }),
    /** It is being made from copies elsewhere: its log may end anywhere, and have holes. Gone as soon as all of it is there. */
    origin: Type.Optional(Type.Literal('copied')),
  },
  { additionalProperties: false },
)
export type CopyState = Static<typeof CopyState>

/** Whether it is being made from copies elsewhere: whoever does that writes to it, and nobody reads it. */
export const isBeingCopied = ({ state, origin }: CopyState): boolean =>
  state === 'sealed' && origin === 'copied'

/**
 * What stands there instead while a copy is being removed: it is nobody's any more, whatever of it is still there, and whoever
 * starts on this disk finishes that. Written before the log goes, so that no log is ever missing for no reason. A program that
 * is older than this form takes the note for damaged, and leaves the copy aside.
 */
export const RetiredCopy = Type.Object(
  {
    formatVersion: Type.Literal(2),
    volume: Id,
    replica: Id,
    state: Type.Literal('retired'),
  },
  { additionalProperties: false },
)
export type RetiredCopy = Static<typeof RetiredCopy>

const isCopyState = Compile(CopyState)
const isRetired = Compile(RetiredCopy)

/** Of whatever is replaced as a whole. */
const UNWRITTEN = '.tmp'

const fileName = (volume: number, extension: string): string =>
  `${VOLUMES_DIRECTORY}/${volume.toString(16)}.${extension}`
export const copyLogName = (volume: number): string => fileName(volume, 'log')
export const copyStateName = (volume: number): string => fileName(volume, 'json')

export const encodeCopyState = (state: CopyState | RetiredCopy, crc32: Sum): Uint8Array =>
  encodeCheckedJson(state, crc32)

/** The state, or null if the bytes are not what was written for this volume. */
export function parseCopyState(
  bytes: Uint8Array,
  volume: number,
  crc32: Sum,
): CopyState | RetiredCopy | null {
  // One of an earlier program has no checksum, and no member for it.
  const value = decodeCheckedJson(bytes, crc32) ?? decodeUncheckedJson(bytes)
  if (isRetired.Check(value)) return value.volume === volume ? value : null
  if (!isCopyState.Check(value) || value.order.volume !== volume) return null
  return (value.origin === undefined) === (value.formatVersion === 1) ? value : null
}

/** What a state is written to before it has its name. */
export const unwrittenStateName = (volume: number): string => fileName(volume, `json${UNWRITTEN}`)

/** Volume ids of all states in a directory listing, of all logs, and of states that were not written to the end; other names are nobody's. */
export function volumesIn(names: readonly string[]): {
  states: number[]
  logs: number[]
  unwritten: number[]
} {
  const idsOf = (extension: string): number[] =>
    names
      .filter(
        (name) =>
          name.endsWith(extension) && /^[1-9a-f][0-9a-f]{0,13}$/.test(name.slice(0, -extension.length)),
      )
      .map((name) => Number.parseInt(name, 16))
  return { states: idsOf('.json'), logs: idsOf('.log'), unwritten: idsOf(`.json${UNWRITTEN}`) }
}
