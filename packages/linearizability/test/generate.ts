/** Random small histories for the comparison with brute force: lawful ones, falsified ones, and arbitrary ones. */
import fc from 'fast-check'
import { type Answered, type HistoryEntry, type Operation, type Outcome } from '../src/index.ts'
import { type Files, respond, tagOf } from './brute-force.ts'

const NAMES = ['/a', '/b'] as const
const VALUES_MAX = 8
const UNKNOWN: Outcome = { kind: 'unknown', reason: 'timeout' }

const anyName = fc.constantFrom(...NAMES)
const anyTag = fc.oneof(
  { weight: 4, arbitrary: fc.nat(VALUES_MAX - 1).map((index) => tagOf(`v${index}`)) },
  { weight: 1, arbitrary: fc.constant('*') },
)

/** An arbitrary operation; the index makes its value unique. */
export type OperationAt = (index: number) => fc.Arbitrary<Operation>

export const anyOperation: OperationAt = (index) => {
  const value = fc.constant(`v${index}`)
  return fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('put'), name: anyName, value }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('read'), name: anyName }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete'), name: anyName }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('create'), name: anyName, value }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('put'), name: anyName, value, ifMatch: anyTag }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete'), name: anyName, ifMatch: anyTag }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('rename'), from: anyName, to: anyName }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('put'), name: anyName, value, ifNoneMatch: fc.constant('*') }),
    },
  ) as fc.Arbitrary<Operation>
}

/** Reads and writes of one name. */
export const registerOperation: OperationAt = (index) => {
  const name = fc.constant('/a')
  const value = fc.constant(`v${index}`)
  return fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('put'), name, value }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('read'), name }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('put'), name, value, ifMatch: anyTag }) },
  ) as fc.Arbitrary<Operation>
}

interface Draft {
  readonly operation: Operation
  /** How long before and after its moment an operation is called and returns. Moments are 10 apart. */
  readonly before: number
  readonly after: number
  readonly fate: 'answered' | 'vague' | 'unknown but done' | 'unknown and undone'
}

const draftAt = (operationAt: OperationAt, index: number): fc.Arbitrary<Draft> =>
  fc.record({
    operation: operationAt(index),
    before: fc.nat(28),
    after: fc.nat(28),
    fate: fc.constantFrom('answered', 'answered', 'vague', 'unknown but done', 'unknown and undone'),
  })

/** Histories that some order explains, as operations really took effect in this order. */
export const lawfulHistory = (
  lengthMax: number,
  operationAt: OperationAt = anyOperation,
): fc.Arbitrary<HistoryEntry[]> =>
  fc
    .integer({ min: 2, max: lengthMax })
    .chain((length) => fc.tuple(...Array.from({ length }, (_, index) => draftAt(operationAt, index))))
    .map(enact)
    .filter(hasOnlyGivenTags)

/** Servers name the version in each answer; this is how a client gets the tags for its conditions. */
function answerTo(operation: Operation, status: number, found?: string): Answered {
  const isWrite = operation.kind === 'put' || operation.kind === 'create'
  const written = isWrite && status < 300 ? tagOf(operation.value) : undefined
  const tags = found === undefined ? written && { etag: written } : { value: found, etag: tagOf(found) }
  return { kind: 'answered', status, ...tags }
}

/** The tag of a write with unknown outcome can be in a condition only when somebody had read it. */
function hasOnlyGivenTags(history: readonly HistoryEntry[]): boolean {
  const given = new Set(
    history.map(({ outcome }) => (outcome.kind === 'answered' ? outcome.etag : undefined)),
  )
  const secret = history.flatMap(({ operation, outcome }) =>
    outcome.kind === 'unknown' && 'value' in operation && !given.has(tagOf(operation.value))
      ? [tagOf(operation.value)]
      : [],
  )
  return history.every(
    ({ operation }) =>
      !('ifMatch' in operation && operation.ifMatch !== undefined && secret.includes(operation.ifMatch)),
  )
}

function enact(drafts: readonly Draft[]): HistoryEntry[] {
  let files: Files = new Map()
  return drafts.map(({ operation, before, after, fate }, index) => {
    const response = respond(files, operation)
    if (fate !== 'unknown and undone') files = response.files
    const returnMs = index * 10 + after
    const times = { client: `c${index}`, callMs: index * 10 - before, operation }
    if (fate.startsWith('unknown')) return { ...times, returnMs: null, outcome: UNKNOWN }
    const status = (fate === 'vague' ? response.statuses.at(-1) : response.statuses[0]) ?? 0
    return { ...times, returnMs, outcome: answerTo(operation, status, response.value) }
  })
}

/** A definite answer to `operation`, right or wrong. */
export const anyAnswer = (operation: Operation): fc.Arbitrary<Answered> => {
  const answers: Answered[] = statusesOf(operation).map((status) => answerTo(operation, status))
  if (operation.kind === 'read') {
    for (let index = 0; index < VALUES_MAX; index += 1) answers.push(answerTo(operation, 200, `v${index}`))
  }
  return fc.constantFrom(...answers)
}

function statusesOf(operation: Operation): readonly number[] {
  switch (operation.kind) {
    case 'create':
      return [201, 409]
    case 'put':
      if (operation.ifNoneMatch !== undefined) return [201, 204, 409, 412]
      return operation.ifMatch === undefined ? [200, 201, 204] : [200, 204, 412]
    case 'read':
      return [404]
    case 'delete':
      return operation.ifMatch === undefined ? [204, 404] : [204, 404, 412]
    default:
      return [204, 404]
  }
}

/** A lawful history with one definite answer replaced by another, which may or may not make it unlawful. */
export const falsifiedHistory = (
  lengthMax: number,
  operationAt: OperationAt = anyOperation,
): fc.Arbitrary<HistoryEntry[]> =>
  lawfulHistory(lengthMax, operationAt)
    .chain((history) => {
      const answered = history.flatMap(({ outcome }, index) => (outcome.kind === 'answered' ? [index] : []))
      return answered.length === 0
        ? fc.constant(history)
        : fc.constantFrom(...answered).chain((index) => falsify(history, index))
    })
    // The answer that was replaced may have been the only one to give a tag.
    .filter(hasOnlyGivenTags)

function falsify(history: HistoryEntry[], index: number): fc.Arbitrary<HistoryEntry[]> {
  const entry = history[index]
  if (entry === undefined) return fc.constant(history)
  return anyAnswer(entry.operation).map((outcome) => history.with(index, { ...entry, outcome }))
}

const arbitraryEntry = (operationAt: OperationAt, index: number): fc.Arbitrary<HistoryEntry> =>
  operationAt(index).chain((operation) =>
    fc
      .record({
        callMs: fc.nat(12),
        lengthMs: fc.nat(8),
        outcome: fc.oneof(
          { weight: 4, arbitrary: anyAnswer(operation) as fc.Arbitrary<Outcome> },
          { weight: 1, arbitrary: fc.constant(UNKNOWN) },
        ),
      })
      .map(({ callMs, lengthMs, outcome }) => ({
        client: `c${index}`,
        callMs,
        returnMs: outcome.kind === 'unknown' ? null : callMs + lengthMs,
        operation,
        outcome,
      })),
  )

/** Any operations with any answers at any times, equal ones included. Few of them are lawful. */
export const arbitraryHistory = (
  lengthMax: number,
  operationAt: OperationAt = anyOperation,
): fc.Arbitrary<HistoryEntry[]> =>
  fc
    .integer({ min: 1, max: lengthMax })
    .chain((length) => fc.tuple(...Array.from({ length }, (_, index) => arbitraryEntry(operationAt, index))))
    .filter(hasOnlyGivenTags)
