/**
 * Room for what must be written on a disk that is completely full: a file of some size that is there to be given up. With
 * it a service can start on a full disk, take note of what it must never forget, and serve reads.
 */
import { type Disk, DiskError } from './disk.ts'
import { writeDurably } from './durable-file.ts'

const RESERVE_NAME = 'reserve'
const PIECE_BYTES = 64 * 1024

/** Makes the reserve if it is missing and the disk has room for it; whether it is there afterwards. */
export async function keepReserve(disk: Disk, bytes: number): Promise<boolean> {
  const isThere = (await disk.list('')).includes(RESERVE_NAME)
  if (isThere) return true
  const file = await disk.open(RESERVE_NAME, 'create')
  try {
    const piece = new Uint8Array(PIECE_BYTES)
    for (let at = 0; at < bytes; at += PIECE_BYTES) {
      await file.appendv([piece.subarray(0, Math.min(PIECE_BYTES, bytes - at))])
    }
    await file.sync()
    return true
  } catch (error) {
    if (!(error instanceof DiskError && error.kind === 'full')) throw error
    await disk.remove(RESERVE_NAME)
    return false
  } finally {
    await file.close()
  }
}

/** Frees the reserve; whether there was one. */
export async function giveUpReserve(disk: Disk): Promise<boolean> {
  try {
    await disk.remove(RESERVE_NAME)
    // Some file systems give the room back only when the name is gone for good.
    await disk.syncDirectory('')
    return true
  } catch (error) {
    if (error instanceof DiskError && error.kind === 'missing') return false
    throw error
  }
}

/** As {@link writeDurably}; on a full disk the reserve is given up for it. */
export async function writeEssential(disk: Disk, name: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeDurably(disk, name, bytes)
  } catch (error) {
    const isFull = error instanceof DiskError && error.kind === 'full'
    if (!isFull || !(await giveUpReserve(disk))) throw error
    await writeDurably(disk, name, bytes)
  }
}
