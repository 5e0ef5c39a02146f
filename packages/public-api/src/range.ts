/**
 * Ranges of bytes (RFC 9110 §14). One range is answered with 206 or 416. A field that asks for several, that has
 * another unit, or that is malformed is ignored, as the RFC allows, and the whole file is sent: a multipart answer is
 * worth its complexity to nobody here.
 */
import { type ByteRange } from '@dfs/protocol'

export type RangeOutcome =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly range: ByteRange }
  | { readonly kind: 'unsatisfiable' }

const WHOLE: RangeOutcome = Object.freeze({ kind: 'whole' })
const UNSATISFIABLE: RangeOutcome = Object.freeze({ kind: 'unsatisfiable' })

/** What a `Range` field asks of a file of `size` bytes. */
export function parseRange(field: string | undefined, size: number): RangeOutcome {
  if (field === undefined) return WHOLE
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(field)
  if (match === null) return WHOLE
  const [, first = '', last = ''] = match
  if (first === '') return last === '' ? WHOLE : suffix(Number(last), size)
  const start = Number(first)
  const end = last === '' ? size : Math.min(size, Number(last) + 1)
  if (last !== '' && Number(last) < start) return WHOLE
  return start < size ? { kind: 'part', range: { start, end } } : UNSATISFIABLE
}

function suffix(count: number, size: number): RangeOutcome {
  if (count === 0 || size === 0) return UNSATISFIABLE
  return { kind: 'part', range: { start: Math.max(0, size - count), end: size } }
}

/** `bytes 0-9/100` */
export const contentRange = ({ start, end }: ByteRange, size: number): string =>
  `bytes ${start}-${end - 1}/${size}`
