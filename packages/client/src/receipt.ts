/** The receipt of a write: the structured field `Durability` (RFC 9651), as far as this system writes it. */
export interface Durability {
  /** Copies made, and how many of them were synced to disk before the answer. */
  readonly copies: number
  readonly fsynced: number
  readonly zones: number
  /** CRC-32 of the whole content, eight hexadecimal digits. */
  readonly crc32: string | null
}

/** Parses the field's value; null if there is none or it makes no sense. */
export function parseDurability(value: string | undefined): Durability | null {
  if (value === undefined) return null
  const members = new Map<string, string>()
  for (const member of value.split(',')) {
    const [, key, item] = /^\s*([a-z*][a-z0-9_.*-]*)=([^;]*?)\s*(?:;.*)?$/.exec(member) ?? []
    if (key !== undefined && item !== undefined) members.set(key, item)
  }
  const copies = integerOf(members.get('copies'))
  if (copies === null) return null
  return {
    copies,
    fsynced: integerOf(members.get('fsynced')) ?? 0,
    zones: integerOf(members.get('zones')) ?? 0,
    crc32: bytesOf(members.get('crc32')),
  }
}

const integerOf = (item: string | undefined): number | null =>
  item !== undefined && /^[0-9]{1,15}$/.test(item) ? Number(item) : null

function bytesOf(item: string | undefined): string | null {
  const [, base64] = /^:([A-Za-z0-9+/]{6}==):$/.exec(item ?? '') ?? []
  return base64 === undefined ? null : Buffer.from(base64, 'base64').toString('hex')
}
