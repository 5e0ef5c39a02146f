/** A new history that a cluster in memory says it is of, with two writes that were found. */
import { type RecoveryRequest, type RecoveryView, type SalvagedWrite } from '@dfs/protocol'

const WRITE: SalvagedWrite = {
  id: '3e900000031',
  path: '/a/long one',
  placed: '/lost+found/a/long one',
  size: 1000,
  copies: 2,
  gap: 'bytes 1000 to 1999 were not found',
  atMs: 1_700_000_000_000,
}
const WRITES: readonly SalvagedWrite[] = [WRITE, { ...WRITE, id: '3e900000030', placed: null, gap: null }]

export function recoveryPage(
  { before, writesMax }: RecoveryRequest,
  confirmedMs: number | null = null,
): RecoveryView {
  const left = WRITES.filter(({ id }) => before === null || Number.parseInt(id, 16) < before)
  const writes = left.slice(0, writesMax)
  const copy = { start: 1, transaction: 81_204 }
  const recovery = { begunMs: 7, copy, seen: { ...copy, transaction: 81_209 }, writes: 2, pending: 0 }
  const next = left.length > writesMax ? writes.at(-1)!.id : null
  return { recovery: { ...recovery, confirmedMs }, writes, next }
}
