/**
 * Memory that a virtual machine has not used for a while is the host's: the first byte written to each of its pages costs a
 * trip there (4.4 s of system time for a GiB of page cache where 0.4 s are usual, on one such machine). Whoever writes the
 * most new pages would pay for it, three copies three times as much as one. So the pages are touched before, by a file that
 * is written and deleted.
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const PIECE = Buffer.alloc(8 * 2 ** 20)

/** Returns when so many bytes of the page cache have been used and are free again. */
export function warmMemory(directory: string, bytes: number): void {
  const path = join(directory, 'warm-memory')
  const file = openSync(path, 'w')
  try {
    for (let left = bytes; left > 0; left -= PIECE.length) writeSync(file, PIECE)
  } finally {
    closeSync(file)
    rmSync(path)
  }
}
