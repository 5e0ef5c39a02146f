/** Change sets in one frame: each as u32 length and bytes, little endian, one after the other. */
import { ByteReader, ByteWriter, MalformedError } from '@dfs/core'

/** What one change set takes beside its own bytes. */
export const CHANGE_SET_OVERHEAD_BYTES = 4

/** `changeSets` in order, as the bytes of a frame before compression. */
export function packChangeSets(changeSets: readonly Uint8Array[]): Uint8Array {
  const sizes = changeSets.map((changeSet) => CHANGE_SET_OVERHEAD_BYTES + changeSet.byteLength)
  const writer = new ByteWriter(sizes.reduce((sum, size) => sum + size, 0))
  for (const changeSet of changeSets) writer.bytes(changeSet)
  return writer.finish()
}

/** Views into `raw`, in order. Throws {@link MalformedError} if {@link packChangeSets} has not made it. */
export function unpackChangeSets(raw: Uint8Array): Uint8Array[] {
  const reader = new ByteReader(raw)
  const changeSets: Uint8Array[] = []
  while (!reader.isAtEnd) {
    const changeSet = reader.bytes()
    if (changeSet === null) throw new MalformedError('a change set without bytes')
    changeSets.push(changeSet)
  }
  return changeSets
}
