/** What a check of a cluster can find, and what it says about itself. */

/** Every kind of fault, with the sentence that explains it to people. */
export const FINDINGS = Object.freeze({
  'log-damaged':
    'the log of the metadata does not add up; docs/operating.md says what to do before the master is started',
  'metadata-damaged':
    "SQLite finds its own structures broken; put the newest copy of the master's directory back, or see docs/operating.md",
  'write-unknown':
    'records that were acknowledged, as others say, and that no file refers to: the metadata is an older copy or has lost its end; put the newest copy of the master\'s directory back, or give them up with "dfs recover" (docs/operating.md)',
  'copy-missing': 'a copy that should be whole is not on its server',
  'copy-unreadable': 'the note beside a copy, or its log, cannot be read',
  'copy-unknown': 'a copy that the metadata does not know; it is kept',
  'copy-other-replica': 'a copy with another identity than the metadata has',
  'copy-seal-differs': 'a copy is sealed at another length than its volume',
  'copy-short': 'a log ends before the bytes that were promised',
  'copies-differ': 'copies of one volume are not the same bytes',
  'record-damaged': 'a record that a file refers to is not valid in a copy',
  'record-foreign': 'a valid record is not the one that the file refers to',
  'identity-damaged':
    'one of the two notes of a server about itself cannot be read; its next start writes it again',
  'metadata-copy-damaged':
    'a copy of the metadata on a chunk server is damaged; the running master brings a new one, but nobody should recover from this one if there is another',
  'server-missing': 'a chunk server of the cluster has no data directory here',
  'volume-books': 'what the rows of a volume say of it contradicts itself or its chunks',
  'chunk-without-volume': 'a chunk lies in a volume that is not there, or is being deleted',
  'chunk-without-referrer': 'a chunk that no version, upload or garbage entry refers to',
  'content-incomplete': 'the chunks of a version are not its bytes from the first to the last',
  'version-missing': 'a file whose current version is not there',
  'version-without-file': 'a version that no file, present or deleted, has',
  'size-differs': 'a file has another size than its current version',
  'entry-without-parent': 'a name in a directory that does not exist',
  'path-too-long':
    'a path has more bytes than can be asked for; rename a directory above it to a shorter name',
  'totals-differ': 'the totals are not the sums of what is there',
})
export type FindingKind = keyof typeof FINDINGS

export interface Finding {
  readonly kind: FindingKind
  /** What it is about, in the words of the program: a volume, a server, a path. */
  readonly where: string
  readonly detail: string
}

export interface Checked {
  readonly files: number
  readonly versions: number
  readonly chunks: number
  readonly volumes: number
  readonly copies: number
  readonly bytes: number
  /** Copies of volumes that were deleted: their servers will be told to drop them. Nothing is wrong with that. */
  readonly copiesToDrop: number
}

export interface Report {
  readonly checked: Checked
  readonly findings: readonly Finding[]
  /** More than that many are counted and not kept. */
  readonly findingsCount: number
}

const FINDINGS_KEPT_MAX = 10_000

/** Collects findings and counts; bounded, however much is wrong. */
export class Findings {
  readonly #kept: Finding[] = []
  readonly #checked = { files: 0, versions: 0, chunks: 0, volumes: 0, copies: 0, bytes: 0, copiesToDrop: 0 }
  #count = 0

  add(kind: FindingKind, where: string, detail: string): void {
    this.#count += 1
    if (this.#kept.length < FINDINGS_KEPT_MAX) this.#kept.push({ kind, where, detail })
  }

  checked(change: Partial<Checked>): void {
    for (const [name, count] of Object.entries(change)) this.#checked[name as keyof Checked] += count
  }

  report(): Report {
    return { checked: { ...this.#checked }, findings: this.#kept, findingsCount: this.#count }
  }
}
