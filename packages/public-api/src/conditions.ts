/**
 * Conditional requests (RFC 9110 §13). For a read they are evaluated here, against what a look-up has found. For a
 * change they are handed on and decided in the commit's transaction, the only place where the answer cannot be out of
 * date.
 */
import {
  DfsError,
  type EtagCondition,
  type FileInfo,
  type FilePath,
  type LookupResult,
  parseId,
  type Precondition,
  UNCONDITIONAL,
} from '@dfs/protocol'
import { type IncomingHttpHeaders } from 'node:http'

const TAGS_MAX = 256
const TAG = /^(W\/)?"([\u0021\u0023-\u007e\u0080-\u00ff]*)"$/
const ONE_TAG = TAG.source.slice(1, -1)
/** What `If-Match` and `If-None-Match` look like, for the document. */
export const TAGS_PATTERN = `^(?:\\*|${ONE_TAG}(?:[ \t]*,[ \t]*${ONE_TAG})*)$`

/**
 * The version ids in an `If-Match` (strong comparison) or `If-None-Match` (weak) field; null if there is none. Tags
 * that are not ours match nothing and are left out, so the list can be empty. Throws INVALID_REQUEST.
 */
export function parseTags(field: string | undefined, comparison: 'strong' | 'weak'): EtagCondition {
  if (field === undefined) return null
  if (field.trim() === '*') return '*'
  // A tag may hold a comma, so the list is split only where a quote ends an element.
  const elements = field.split(/(?<=")[ \t]*,[ \t]*/)
  if (elements.length > TAGS_MAX) throw new DfsError('INVALID_REQUEST', `more than ${TAGS_MAX} entity tags`)
  const ids: number[] = []
  for (const element of elements) {
    const match = TAG.exec(element.trim())
    if (match === null) throw new DfsError('INVALID_REQUEST', 'If-Match and If-None-Match hold "tags" or *')
    const id = parseId(match[2] ?? '')
    if (id !== null && (match[1] === undefined || comparison === 'weak')) ids.push(id)
  }
  return ids
}

/** The conditions of a change. A date counts only if no tag is given. */
export function preconditionOf(headers: IncomingHttpHeaders): Precondition {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers
  const since = ifMatch === undefined ? parseDate(headers['if-unmodified-since']) : null
  if (ifMatch === undefined && ifNoneMatch === undefined && since === null) return UNCONDITIONAL
  return {
    ifMatch: parseTags(ifMatch, 'strong'),
    ifNoneMatch: parseTags(ifNoneMatch, 'weak'),
    mustCreate: false,
    ...(since === null ? null : { unmodifiedSinceMs: since }),
  }
}

/** For resources whose changes cannot be conditional: better refused than ignored. Throws INVALID_REQUEST. */
export function refuseConditions(headers: IncomingHttpHeaders): void {
  for (const name of ['if-match', 'if-none-match', 'if-unmodified-since']) {
    if (headers[name] !== undefined)
      throw new DfsError('INVALID_REQUEST', `${name} is supported for files alone`)
  }
}

/** Throws PRECONDITION_FAILED if `found` shows that the change would fail; the commit still decides. */
export function checkEarly(precondition: Precondition, found: LookupResult): void {
  if (found.kind === 'directory' || found.kind === 'link') return
  const version = found.kind === 'file' ? found.info.version : null
  if (precondition.ifMatch !== null && !isMatch(precondition.ifMatch, version)) {
    throw new DfsError('PRECONDITION_FAILED', 'If-Match does not hold')
  }
  if (precondition.ifNoneMatch !== null && isMatch(precondition.ifNoneMatch, version)) {
    throw new DfsError('PRECONDITION_FAILED', 'If-None-Match does not hold')
  }
  const { unmodifiedSinceMs } = precondition
  if (
    unmodifiedSinceMs !== undefined &&
    found.kind === 'file' &&
    isModifiedAfter(found.info, unmodifiedSinceMs)
  ) {
    throw new DfsError('PRECONDITION_FAILED', 'modified since that date')
  }
}

/** Whether a read is answered with the file, with 304, or (thrown) PRECONDITION_FAILED; in the order of §13.2.2. */
export function evaluateRead(headers: IncomingHttpHeaders, info: FileInfo): 'send' | 'not-modified' {
  const ifMatch = parseTags(headers['if-match'], 'strong')
  if (ifMatch !== null) {
    if (!isMatch(ifMatch, info.version)) throw new DfsError('PRECONDITION_FAILED', 'If-Match does not hold')
  } else {
    const since = parseDate(headers['if-unmodified-since'])
    if (since !== null && isModifiedAfter(info, since)) {
      throw new DfsError('PRECONDITION_FAILED', 'modified since that date')
    }
  }
  const ifNoneMatch = parseTags(headers['if-none-match'], 'weak')
  if (ifNoneMatch !== null) return isMatch(ifNoneMatch, info.version) ? 'not-modified' : 'send'
  const since = parseDate(headers['if-modified-since'])
  return since !== null && !isModifiedAfter(info, since) ? 'not-modified' : 'send'
}

/** Whether `Range` counts: `If-Range` must be the strong tag, or exactly the Last-Modified date, of this version. */
export function isRangeFresh(field: string | undefined, info: FileInfo): boolean {
  if (field === undefined) return true
  const match = TAG.exec(field.trim())
  if (match !== null) return match[1] === undefined && parseId(match[2] ?? '') === info.version
  return parseDate(field) === wholeSeconds(info.modifiedMs)
}

/** A look-up of the attributes alone. */
export const attributesOf = (path: FilePath) =>
  ({ by: 'path', path, version: null, fromByte: 0, chunksMax: 0 }) as const

const isMatch = (condition: '*' | readonly number[], version: number | null): boolean =>
  version !== null && (condition === '*' || condition.includes(version))

/** An HTTP date in milliseconds; null if the field is missing or malformed, which the RFC says to ignore. */
function parseDate(field: string | undefined): number | null {
  if (field === undefined || !/^[A-Z][a-z]{2,8},? .* (?:GMT|\d{4})$/.test(field)) return null
  const ms = Date.parse(field)
  return Number.isNaN(ms) ? null : ms
}

const wholeSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000
const isModifiedAfter = (info: FileInfo, sinceMs: number): boolean => wholeSeconds(info.modifiedMs) > sinceMs
