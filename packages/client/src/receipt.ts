/**
 * The structured field `Durability` (RFC 9651), as far as this system writes it: in the answer to a write the receipt of its
 * commit, in the answer to a read what there is now.
 */
export interface Durability {
  /** Good copies of the chunk that has the fewest, and how many of them are synced to disk. 0 for a file without bytes. */
  readonly copies: number
  readonly fsynced: number
  readonly zones: number
  /** CRC-32 of the whole content, eight hexadecimal digits. */
  readonly crc32: string | null
  /** Of how many chunks, from the first one on, the copies of a longer file were counted; null if of all. */
  readonly firstChunks: number | null
}

/** Parses the field's value; null if there is none or it makes no sense. */
export function parseDurability(value: string | undefined): Durability | null {
  if (value === undefined) return null
  const members = new Map<string, Member>()
  for (const member of value.split(',')) {
    const [, key, item, parameters = ''] = /^\s*([a-z*][a-z0-9_.*-]*)=([^;]*?)\s*(;.*)?$/.exec(member) ?? []
    if (key !== undefined && item !== undefined) members.set(key, { item, parameters })
  }
  const itemOf = (key: string): string | undefined => members.get(key)?.item
  const copies = integerOf(itemOf('copies'))
  if (copies === null) return null
  const [, firstChunks] = FIRST_CHUNKS.exec(members.get('copies')!.parameters) ?? []
  return {
    copies,
    fsynced: integerOf(itemOf('fsynced')) ?? 0,
    zones: integerOf(itemOf('zones')) ?? 0,
    crc32: bytesOf(itemOf('crc32')),
    firstChunks: integerOf(firstChunks),
  }
}

interface Member {
  readonly item: string
  /** With the semicolon in front of each. */
  readonly parameters: string
}

const FIRST_CHUNKS = /;[ ]*first-chunks=([0-9]+)[ \t]*(?:;|$)/

const integerOf = (item: string | undefined): number | null =>
  item !== undefined && /^[0-9]{1,15}$/.test(item) ? Number(item) : null

function bytesOf(item: string | undefined): string | null {
  const [, base64] = /^:([A-Za-z0-9+/]{6}==):$/.exec(item ?? '') ?? []
  return base64 === undefined ? null : Buffer.from(base64, 'base64').toString('hex')
}
