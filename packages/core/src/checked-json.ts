/**
 * Small files that a service must be able to trust: JSON whose last member is the CRC-32 of all before it. Whoever looks sees
 * plain JSON; a bit that has turned on the disk is told from what was written.
 */
import { fromUtf8, utf8 } from './bytes.ts'

/** A CRC-32 of bytes. */
export type Sum = (bytes: Uint8Array) => number

const CHECKED = /^(.+),"crc32":"([0-9a-f]{8})"\}$/s

/** `value` must have a member at least. */
export function encodeCheckedJson(value: object, crc32: Sum): Uint8Array {
  const summed = JSON.stringify(value).slice(0, -1)
  return utf8(`${summed},"crc32":"${format(crc32(utf8(summed)))}"}`)
}

/** The value of JSON without a checksum, or undefined if it is none: for files that were written before they had one. */
export function decodeUncheckedJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(bytes))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** The value, or undefined if these are not the bytes that were written. */
export function decodeCheckedJson(bytes: Uint8Array, crc32: Sum): unknown {
  const [, summed, sum] = CHECKED.exec(textOf(bytes)) ?? []
  if (summed === undefined || format(crc32(utf8(summed))) !== sum) return undefined
  return JSON.parse(`${summed}}`)
}

/** Nothing if the bytes are no text at all. */
function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch (error) {
    if (error instanceof TypeError) return ''
    throw error
  }
}

const format = (crc: number): string => (crc >>> 0).toString(16).padStart(8, '0')
