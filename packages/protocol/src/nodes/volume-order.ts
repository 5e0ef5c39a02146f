/** What a volume is: said by the master when it is made, and kept in the note beside each copy. */
import Type, { type Static } from 'typebox'

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })

/** `small`: many records a batch. `large`: chunks of large files, which small writes must not wait behind. */
export const VolumeKind = Type.Enum(['small', 'large'])
export type VolumeKind = Static<typeof VolumeKind>

/** The order to make a volume: its identity and its first set. Only the master makes one; the primary passes it on. */
export const VolumeOrder = Type.Object({
  volume: Id,
  kind: VolumeKind,
  /**
   * Bytes after which its primary goes on in another volume, if disks have little room left; the cluster's size of volumes
   * if it is left out. What was begun before is finished, so a volume may be longer by a batch.
   */
  sizeBytes: Type.Optional(Id),
  /** 16 hexadecimal digits, mixed into every header's checksum, so that no file content can pose as a record. */
  salt: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  primary: Type.Object({ server: Id, incarnation: Id }),
  /** The primary's own copy is one of them. */
  replicas: Type.Array(Type.Object({ replica: Id, server: Id, incarnation: Id }), {
    minItems: 1,
    maxItems: 9,
  }),
})
export type VolumeOrder = Static<typeof VolumeOrder>
