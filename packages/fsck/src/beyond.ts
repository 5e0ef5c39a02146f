/**
 * Records that the metadata does not know, behind the committed end of their volume or in a volume that it has not. A crash
 * leaves some that nobody was told of. Others were acknowledged, and the metadata is older than they are or damaged: that
 * shows if a later header of the volume counts them as committed, or if the primary had seen more of the master
 * than there is (R6). One without a witness, and with nothing behind it, could be either, and is not named.
 */
import { type Disk } from '@dfs/core'
import { formatId } from '@dfs/protocol'
import { copyLogName, type CopyState, type Crc32, type RecordHeader, scanVolume } from '@dfs/volume'
import { openOrNothing, readOrNothing } from './disk-reads.ts'
import { type Findings } from './findings.ts'
import { type Past } from './past.ts'

/** Records of one volume that are kept; more are counted. */
const RECORDS_MAX = 1000
/** Paths in one finding. */
const PATHS_MAX = 10

interface UnknownRecord {
  readonly end: number
  readonly path: string
  /** Whether its primary had seen what the metadata lacks. */
  readonly isBehindLost: boolean
  readonly servers: string[]
}

interface UnknownPart {
  readonly records: Map<number, UnknownRecord>
  /** Up to here everything was committed, as far as any header says. */
  committedEnd: number
  left: number
}

export interface LogToLookAt {
  readonly disk: Pick<Disk, 'open'>
  readonly serverName: string
  readonly state: CopyState
  /** As the metadata has it; 0 for a volume that it does not know. */
  readonly committedEnd: number
}

export class Beyond {
  readonly #past: Past
  readonly #crc32: Crc32
  readonly #volumes = new Map<number, UnknownPart>()

  constructor(past: Past, crc32: Crc32) {
    this.#past = past
    this.#crc32 = crc32
  }

  /** Reads a copy's log from its committed end on. What a disk cannot read is not there. */
  async look({ disk, serverName, state, committedEnd }: LogToLookAt): Promise<void> {
    const { volume, salt } = state.order
    const file = await openOrNothing(disk, copyLogName(volume))
    if (file === null) return
    try {
      const to = await file.size()
      if (to <= committedEnd) return
      const range = { volume, salt: Uint8Array.fromHex(salt), crc32: this.#crc32, from: committedEnd, to }
      const read = (at: number, buffer: Uint8Array): Promise<number> => readOrNothing(file, at, buffer)
      for await (const found of scanVolume(read, range)) {
        if (found.kind === 'record') this.#note(serverName, found)
      }
    } finally {
      await file.close()
    }
  }

  #note(serverName: string, { at, end, header }: { at: number; end: number; header: RecordHeader }): void {
    if (this.#past.isGivenUp(header.witness)) return
    const part = this.#volumes.get(header.volume) ?? { records: new Map(), committedEnd: 0, left: 0 }
    this.#volumes.set(header.volume, part)
    part.committedEnd = Math.max(part.committedEnd, header.committedEnd)
    const known = part.records.get(at)
    if (known !== undefined) return void known.servers.push(serverName)
    if (part.records.size === RECORDS_MAX) return void (part.left += 1)
    const isBehindLost = header.witness !== null && this.#past.lacks(header.witness)
    part.records.set(at, { end, path: header.path, isBehindLost, servers: [serverName] })
  }

  /** One finding for each volume with records that were acknowledged, as it seems. */
  report(findings: Findings): void {
    for (const [volume, { records, committedEnd, left }] of this.#volumes) {
      const lost = [...records.values()].filter(
        ({ end, isBehindLost }) => isBehindLost || end <= committedEnd,
      )
      if (lost.length === 0) continue
      const paths = [...new Set(lost.map(({ path }) => path))]
      const names = paths.slice(0, PATHS_MAX).map((path) => JSON.stringify(path))
      const more = paths.length - names.length + left
      const servers = [...new Set(lost.flatMap((record) => record.servers))].toSorted()
      findings.add(
        'write-unknown',
        `volume ${formatId(volume)} on ${servers.join(', ')}`,
        `${lost.length} that the metadata does not know, of ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
      )
    }
  }
}
