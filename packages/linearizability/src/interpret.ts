/**
 * From entries of a history to guards and effects: what each outcome says about the state at the moment when the operation
 * took effect. This file is the specification of the file system; all else here is search.
 */
import { unreachable } from '@dfs/core'
import {
  type Answered,
  type DeleteOperation,
  type HistoryEntry,
  type Operation,
  type PutOperation,
} from './history.ts'
import { type Effect, type Guard, type ModelOperation, type Test } from './model.ts'
import { type Versions } from './versions.ts'

const ANY: Test = { kind: 'any' }
const PRESENT: Test = { kind: 'present' }
const ABSENT: Test = { kind: 'absent' }
const NEVER: Test = { kind: 'never' }

interface Meaning {
  readonly guard: Guard
  readonly effect: Effect | null
}

/** Null for an entry that says nothing about the state and does nothing to it; listings are checked elsewhere. */
export function interpret(entry: HistoryEntry, index: number, versions: Versions): ModelOperation | null {
  const { operation, outcome, callMs } = entry
  switch (outcome.kind) {
    case 'refused':
      return null
    case 'unknown': {
      const meaning = meaningOfSuccess(operation, versions)
      // When the client gave up says nothing about when the effect comes.
      return meaning === null ? null : { index, callMs, returnMs: Infinity, ...meaning }
    }
    case 'answered': {
      const meaning = meaningOf(operation, outcome, versions)
      return meaning === null ? null : { index, callMs, returnMs: entry.returnMs ?? Infinity, ...meaning }
    }
    default:
      return unreachable(outcome)
  }
}

/** What an operation of unknown outcome does if it does anything. Null for one that cannot do anything. */
function meaningOfSuccess(operation: Operation, versions: Versions): Meaning | null {
  switch (operation.kind) {
    case 'create':
      return { guard: { name: operation.name, test: ABSENT }, effect: setTo(operation) }
    case 'put':
      return {
        guard: { name: operation.name, test: precondition(operation, versions) },
        effect: setTo(operation),
      }
    case 'delete':
      return {
        guard: { name: operation.name, test: deletePrecondition(operation, versions) },
        effect: { kind: 'remove', name: operation.name },
      }
    case 'rename':
      return { guard: { name: operation.from, test: PRESENT }, effect: moveOf(operation) }
    case 'read':
    case 'list':
      return null
    default:
      return unreachable(operation)
  }
}

function meaningOf(
  operation: Operation,
  { status, ...answer }: Answered,
  versions: Versions,
): Meaning | null {
  if (operation.kind === 'list') return null
  if (operation.kind === 'rename') {
    return status === 404 ? noEffect(operation.from, ABSENT) : meaningOfSuccess(operation, versions)
  }
  const { name } = operation
  if (status === 404) return noEffect(name, ABSENT)
  if (status === 409) return noEffect(name, PRESENT)
  if (status === 412) return noEffect(name, failedPrecondition(operation, versions))
  if (operation.kind === 'read') return noEffect(name, found(answer, versions))
  const meaning = meaningOfSuccess(operation, versions)
  if (operation.kind !== 'put' || meaning === null) return meaning
  return { ...meaning, guard: { name, test: withStatus(meaning.guard.test, status) } }
}

const noEffect = (name: string, test: Test): Meaning => ({ guard: { name, test }, effect: null })

const setTo = ({ name, value }: { readonly name: string; readonly value: string }): Effect => ({
  kind: 'set',
  name,
  value,
})

const moveOf = ({ from, to }: { readonly from: string; readonly to: string }): Effect => ({
  kind: 'move',
  from,
  to,
})

function precondition({ ifMatch, ifNoneMatch }: PutOperation, versions: Versions): Test {
  if (ifNoneMatch !== undefined) return ABSENT
  return ifMatch === undefined ? ANY : matching(ifMatch, versions)
}

function deletePrecondition({ ifMatch }: DeleteOperation, versions: Versions): Test {
  return ifMatch === undefined ? PRESENT : matching(ifMatch, versions)
}

const matching = (ifMatch: string, versions: Versions): Test =>
  ifMatch === '*' ? PRESENT : { kind: 'in', values: versions.withTag(ifMatch) }

function failedPrecondition(operation: Operation, versions: Versions): Test {
  const ifMatch = operation.kind === 'put' || operation.kind === 'delete' ? operation.ifMatch : undefined
  if (ifMatch === undefined) return PRESENT
  return ifMatch === '*' ? ABSENT : { kind: 'not-in', values: versions.certainlyWithTag(ifMatch) }
}

function found({ value, etag }: Omit<Answered, 'status'>, versions: Versions): Test {
  if (value !== undefined) return { kind: 'in', values: new Set([value]) }
  return etag === undefined ? NEVER : { kind: 'in', values: versions.withTag(etag) }
}

/** A put that says *created* found no file, one that says *replaced* found one. */
function withStatus(test: Test, status: number): Test {
  if (status === 204) return test
  const isCreation = status === 201
  if (test.kind === 'any') return isCreation ? ABSENT : PRESENT
  return isCreation === (test.kind === 'absent') ? test : NEVER
}
