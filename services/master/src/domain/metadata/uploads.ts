/**
 * Large writes under way: what was staged under an upload's id. Dropping one is a row
 * moved to `garbage`, however much was staged: its chunk rows stay until the cleaner takes them with their bytes.
 */
import { type ChunkPlacement, type CommandId } from '@dfs/protocol'
import { type UploadRow, type UploadRows, type UploadVolumeRow } from './rows.ts'

export interface Upload {
  readonly content: number
  readonly stagedEnd: number
}

/** The fewest copies that any chunk of an upload had in one volume. */
export type UploadVolume = UploadVolumeRow

export class Uploads {
  readonly #rows: UploadRows

  constructor(rows: UploadRows) {
    this.#rows = rows
  }

  find(id: CommandId): Upload | undefined {
    const row = this.#rows.find(id)
    return row === undefined ? undefined : uploadOf(row)
  }

  /** Records that one more chunk was staged; makes the upload if it is the first. */
  stage({ server, incarnation, number }: CommandId, upload: Upload, chunk: ChunkPlacement): void {
    const { content, stagedEnd } = upload
    this.#rows.put({ server, incarnation, number, content_id: content, staged_end: stagedEnd })
    this.#rows.lowerVolume(content, { volume: chunk.volume, copies: chunk.copies })
  }

  volumesOf(upload: Upload): UploadVolume[] {
    return this.#rows.volumesOf(upload.content)
  }

  /** Ends an upload whose content has become a version's. */
  finish(id: CommandId, upload: Upload): void {
    this.#rows.remove(id)
    this.#rows.removeVolumes(upload.content)
  }

  /** Ends an upload whose content nothing will refer to. */
  drop(id: CommandId, upload: Upload, nowWallMs: number): void {
    this.finish(id, upload)
    this.#rows.insertGarbage(upload.content, nowWallMs)
  }

  /** Drops what earlier incarnations of a server have left. */
  endIncarnation(server: number, incarnation: number, nowWallMs: number): void {
    for (const row of this.#rows.before(server, incarnation)) this.drop(row, uploadOf(row), nowWallMs)
  }
}

const uploadOf = ({ content_id, staged_end }: UploadRow): Upload => ({
  content: content_id,
  stagedEnd: staged_end,
})
