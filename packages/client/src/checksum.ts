/** The CRC-32 of Node's zlib, in hardware if there is any. The only import of it. */
import { crc32 as zlibCrc32 } from 'node:zlib'

/** CRC-32 of `bytes`, continued from `before`. */
export const crc32 = (bytes: Uint8Array, before = 0): number => zlibCrc32(bytes, before)

/** As the REST contract writes it: eight hexadecimal digits. */
export const formatCrc32 = (crc: number): string => (crc >>> 0).toString(16).padStart(8, '0')
