/**
 * Ids. The master's ids are integers below 2^53 whose upper part is its epoch, so an id made after a restart, or by a
 * master restored from an old backup, can never equal an older one. Outside they are shown in hexadecimal.
 */
import { assert } from '@dfs/core'
import { DfsError } from './errors.ts'

/** Ids that one epoch can make, and epochs that fit a safe integer. */
const IDS_PER_EPOCH = 2 ** 32
const EPOCHS_MAX = 2 ** 21

/** The `count`-th id (from 1) of the master's epoch `epoch` (from 1). */
export function makeId(epoch: number, count: number): number {
  assert(epoch > 0 && epoch < EPOCHS_MAX, `epoch out of range: ${epoch}`)
  assert(count > 0 && count < IDS_PER_EPOCH, `ids of epoch ${epoch} are used up`)
  return epoch * IDS_PER_EPOCH + count
}

/** The start of the master that made an id. */
export const epochOf = (id: number): number => Math.floor(id / IDS_PER_EPOCH)

export const formatId = (id: number): string => id.toString(16)

/** Parses what {@link formatId} wrote, or returns null. */
export function parseId(text: string): number | null {
  if (!/^[1-9a-f][0-9a-f]{0,13}$/.test(text)) return null
  const id = Number.parseInt(text, 16)
  return Number.isSafeInteger(id) ? id : null
}

/** The strong entity tag of a version, quotes included. */
export const formatEtag = (version: number): string => `"${formatId(version)}"`

/**
 * Names one command of one process, for ever: server id, incarnation of that server (the master uses server 0 and its
 * epoch), and a number that counts up. A retry under the same id happens once. The `requestId` that a client's request has in
 * the logs is something else.
 */
export interface CommandId {
  readonly server: number
  readonly incarnation: number
  readonly number: number
}

export const formatCommandId = (id: CommandId): string => `${id.server}.${id.incarnation}.${id.number}`

/** A master's incarnation: the counter orders, the nonce tells a restored backup from its original. */
export interface Epoch {
  readonly counter: number
  /** 16 hexadecimal digits. */
  readonly nonce: string
  /** Transactions committed so far, over all starts. */
  readonly sequence: number
}

/**
 * Throws STALE_EPOCH when `next` is older than `seen`: a server must not obey such a master. A later start may not know
 * fewer transactions than an earlier one did (it would be a restored backup); within one start, answers may overtake
 * each other.
 */
export function checkEpoch(seen: Epoch | null, next: Epoch): void {
  if (seen === null) return
  const isSameStart = next.counter === seen.counter && next.nonce === seen.nonce
  const isLaterStart = next.counter > seen.counter && next.sequence >= seen.sequence
  if (isSameStart || isLaterStart) return
  throw new DfsError(
    'STALE_EPOCH',
    `this master is at ${formatPosition(next)}, but ${formatPosition(seen)} was seen before`,
  )
}

/** `3/0123456789abcdef/81204`: start, nonce, transactions. */
export const formatPosition = ({ counter, nonce, sequence }: Epoch): string =>
  `${counter}/${nonce}/${sequence}`

/** Parses what {@link formatPosition} wrote, or returns null. */
export function parsePosition(text: string): Epoch | null {
  const [, counter, nonce, sequence] = /^([0-9]{1,16})\/([0-9a-f]{16})\/([0-9]{1,16})$/.exec(text) ?? []
  if (nonce === undefined) return null
  const position = { counter: Number(counter), nonce, sequence: Number(sequence) }
  return Number.isSafeInteger(position.counter) && Number.isSafeInteger(position.sequence) ? position : null
}
