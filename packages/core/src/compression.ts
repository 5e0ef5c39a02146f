/**
 * A seam: Zstandard where there is one (`packages/node-runtime`, in threads), and bytes as they are in the simulator, whose
 * runs must not depend on threads.
 */
export interface Compression {
  /** The result does not share memory with `raw`, or is it. */
  compress(raw: Uint8Array): Promise<Uint8Array>
  /** Throws {@link MalformedError} on what `compress` has not made, and on what would be longer than `bytesMax`. */
  decompress(stored: Uint8Array, bytesMax: number): Promise<Uint8Array>
}
