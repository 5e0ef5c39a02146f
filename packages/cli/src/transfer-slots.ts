/** How much is under way at once: many small files, few large ones, so that memory stays bounded and speed does not suffer. */
import { Semaphore } from '@dfs/core'
import { WHOLE_FILE_BYTES_MAX } from './local/source.ts'

export const IN_FLIGHT_MAX = 64
const LARGE_IN_FLIGHT_MAX = 4

const large = new Semaphore(LARGE_IN_FLIGHT_MAX, IN_FLIGHT_MAX)

/** Runs the transfer of a file of that size, at once if it is small. */
export async function slotFor(sizeBytes: number, transfer: () => Promise<void>): Promise<void> {
  if (sizeBytes <= WHOLE_FILE_BYTES_MAX) await transfer()
  else await large.run(transfer)
}
