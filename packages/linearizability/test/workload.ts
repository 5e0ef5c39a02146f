/** Long lawful histories from a seed: clients with one open call each, on a file system that answers at some moment between. */
import { type HistoryEntry, type Operation, type Outcome } from '../src/index.ts'
import { type Files, respond, tagOf } from './brute-force.ts'

export interface Workload {
  readonly seed: number
  readonly operations: number
  readonly clients: number
  readonly names: number
  /** Of 1,000 operations, how many rename, and how many have an unknown outcome. */
  readonly renamesPerMille?: number
  readonly unknownPerMille?: number
  /** Reads and unconditional puts only. */
  readonly isRegister?: boolean
  /** The longest that an operation takes before its effect, and again after it. 10 by default. */
  readonly slownessMs?: number
}

/** mulberry32: uniform integers in [0, below), the same for the same seed. */
function integersFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

export function runWorkload(workload: Workload): HistoryEntry[] {
  const { operations, clients, renamesPerMille = 0, unknownPerMille = 0, slownessMs = 10 } = workload
  const int = integersFrom(workload.seed)
  const freeAtMs = Array.from({ length: clients }, () => int(20))
  const planned = Array.from({ length: operations }, (_, index) => {
    const client = freeAtMs.indexOf(Math.min(...freeAtMs))
    const callMs = (freeAtMs[client] ?? 0) + 1 + int(3)
    const effectMs = callMs + int(slownessMs) + int(1000) / 1000
    const returnMs = effectMs + int(slownessMs)
    freeAtMs[client] = returnMs
    const isUnknown = int(1000) < unknownPerMille
    return { client, callMs, effectMs: effectMs + (isUnknown ? int(100) : 0), returnMs, isUnknown, index }
  })
  let files: Files = new Map()
  const given = new Set<string>()
  const entries: HistoryEntry[] = []
  for (const { client, callMs, returnMs, isUnknown, index } of planned.toSorted(
    (a, b) => a.effectMs - b.effectMs,
  )) {
    const operation = chooseOperation(int, { files, given }, { ...workload, renamesPerMille }, index)
    const response = respond(files, operation)
    if (!isUnknown || int(2) === 0) files = response.files
    const outcome: Outcome = isUnknown ? { kind: 'unknown', reason: 'timeout' } : answer(operation, response)
    if (outcome.kind === 'answered' && outcome.etag !== undefined) given.add(outcome.etag)
    entries.push({ client: `c${client}`, callMs, returnMs: isUnknown ? null : returnMs, operation, outcome })
  }
  return entries
}

function chooseOperation(
  int: (below: number) => number,
  { files, given }: { readonly files: Files; readonly given: ReadonlySet<string> },
  {
    names,
    renamesPerMille,
    isRegister = false,
  }: Pick<Workload, 'names' | 'isRegister'> & { readonly renamesPerMille: number },
  index: number,
): Operation {
  const name = `/n${int(names)}`
  const value = `v${index}`
  if (int(1000) < renamesPerMille) return { kind: 'rename', from: name, to: `/n${int(names)}` }
  const draw = int(isRegister ? 75 : 100)
  if (draw < 50) return { kind: 'read', name }
  if (draw < 75) return { kind: 'put', name, value }
  if (draw < 85) return { kind: 'delete', name }
  if (draw < 90) return { kind: 'create', name, value }
  const current = files.get(name)
  return current === undefined || !given.has(tagOf(current))
    ? { kind: 'put', name, value, ifNoneMatch: '*' }
    : { kind: 'put', name, value, ifMatch: tagOf(current) }
}

function answer(operation: Operation, response: ReturnType<typeof respond>): Outcome {
  const { value } = response
  const status = response.statuses[0] ?? 0
  const isWrite = (operation.kind === 'put' || operation.kind === 'create') && status < 300
  const etag = isWrite ? tagOf(operation.value) : value === undefined ? undefined : tagOf(value)
  return {
    kind: 'answered',
    status,
    ...(value !== undefined && { value }),
    ...(etag !== undefined && { etag }),
  }
}

/** Replaces what the read nearest to the middle found by an older version of the same name; the name is no longer lawful. */
export function withStaleRead(history: readonly HistoryEntry[]): HistoryEntry[] {
  const at = history.findIndex(
    ({ operation, outcome }, index) =>
      index > history.length / 2 &&
      operation.kind === 'read' &&
      outcome.kind === 'answered' &&
      outcome.value !== undefined &&
      staleValue(history, operation.name, outcome.value) !== undefined,
  )
  const entry = history[at]
  if (entry === undefined || entry.operation.kind !== 'read' || entry.outcome.kind !== 'answered')
    throw new Error('no read can be made stale')
  const value = staleValue(history, entry.operation.name, entry.outcome.value ?? '')
  if (value === undefined) throw new Error('no stale value')
  return history.with(at, { ...entry, outcome: { kind: 'answered', status: 200, value, etag: tagOf(value) } })
}

/** A value that was written to the name long before, and acknowledged. */
function staleValue(history: readonly HistoryEntry[], name: string, current: string): string | undefined {
  const write = history.find(
    ({ operation, outcome }) =>
      operation.kind === 'put' &&
      operation.name === name &&
      operation.value !== current &&
      outcome.kind === 'answered' &&
      outcome.status < 300,
  )
  return write?.operation.kind === 'put' ? write.operation.value : undefined
}
