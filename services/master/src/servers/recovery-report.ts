/** The last new history as it is shown: what it was begun from, and what became of the writes that were found. */
import { formatId, SALVAGED_LIMIT_DEFAULT, type RecoveryRequest, type RecoveryView } from '@dfs/protocol'
import { type Recovery, type Salvaged } from '../metadata/recovery-store.ts'
import { type Recovering } from '../metadata/store.ts'

export async function viewHistory(
  { recovering }: Recovering,
  { before, writesMax }: RecoveryRequest,
): Promise<RecoveryView> {
  const page = await recovering.page(before ?? Number.MAX_SAFE_INTEGER, writesMax)
  const recovery = recovering.view()
  const last = page.at(-1)
  return {
    recovery: recovery === null ? null : viewOf(recovery),
    writes: page.map(writeOf),
    next: last === undefined || page.length < writesMax ? null : formatId(last.id),
  }
}

/** Throws UNAVAILABLE while writes that were found have no name. */
export async function confirmHistory(store: Recovering, nowWallMs: number): Promise<RecoveryView> {
  await store.recovering.confirm(nowWallMs)
  return await viewHistory(store, { before: null, writesMax: SALVAGED_LIMIT_DEFAULT })
}

function viewOf(recovery: Recovery): NonNullable<RecoveryView['recovery']> {
  const { begunWallMs, copyAt, seenAt, writes, pending, confirmedWallMs } = recovery
  return {
    begunMs: begunWallMs,
    copy: { start: copyAt.start, transaction: copyAt.sequence },
    seen: { start: seenAt.start, transaction: seenAt.sequence },
    writes,
    pending,
    confirmedMs: confirmedWallMs,
  }
}

const writeOf = ({
  id,
  path,
  placed,
  size,
  copies,
  gap,
  wallMs,
}: Salvaged): RecoveryView['writes'][number] => ({
  id: formatId(id),
  path,
  placed,
  size,
  copies,
  gap,
  atMs: wallMs,
})
