/**
 * Arithmetic on CRC-32 (the polynomial of zlib and PNG). The checksum of a whole file comes from the checksums of its
 * blocks, without reading a byte twice: appending n zero bytes is a linear map over GF(2), so the checksum of A followed by
 * B is M^n(crc A) xor crc B (the method of zlib's crc32_combine).
 */

/** CRC-32 of `bytes`, continuing from `seed` (the checksum of what came before; 0 at the start). */
export type Crc32 = (bytes: Uint8Array, seed?: number) => number

/** A linear map: row n is the image of bit n. */
type Matrix = Uint32Array

const POLYNOMIAL = 0xedb88320

function apply(matrix: Matrix, vector: number): number {
  let sum = 0
  for (let bit = 0, rest = vector; rest !== 0; rest >>>= 1, bit += 1) {
    if ((rest & 1) !== 0) sum ^= matrix[bit]!
  }
  return sum >>> 0
}

const square = (matrix: Matrix): Matrix => matrix.map((row) => apply(matrix, row))

/** Maps for 2^0, 2^1, … 2^44 zero bytes. */
const ZEROS: readonly Matrix[] = (() => {
  const oneBit = new Uint32Array(32)
  oneBit[0] = POLYNOMIAL
  for (let bit = 1; bit < 32; bit += 1) oneBit[bit] = 2 ** (bit - 1)
  const maps = [square(square(square(oneBit)))]
  while (maps.length < 45) maps.push(square(maps.at(-1)!))
  return maps
})()

/** The checksum of A followed by B, from their checksums and the length of B in bytes (up to 2^45 - 1). */
export function combineCrc32(crcA: number, crcB: number, lengthB: number): number {
  let crc = crcA
  let rest = lengthB
  for (let power = 0; rest > 0; power += 1) {
    if (rest % 2 === 1) crc = apply(ZEROS[power]!, crc)
    rest = Math.floor(rest / 2)
  }
  return (crc ^ crcB) >>> 0
}
