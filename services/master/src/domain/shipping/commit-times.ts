/** When transactions were committed that some holders lack: for how long the copies are behind. Bounded: older moments are kept, and stand for more. */

const MARKS_MAX = 1024

interface Mark {
  /** The last transaction that it stands for. */
  readonly to: number
  /** When the first was committed, at the earliest. */
  readonly sinceMs: number
}

export class CommitTimes {
  #marks: Mark[] = []

  /** Transactions up to `to` that were not noted before. Numbers rise. */
  note(to: number, sinceMs: number): void {
    this.#marks.push({ to, sinceMs })
    if (this.#marks.length <= MARKS_MAX) return
    this.#marks = this.#marks.flatMap((mark, index) => {
      if (index % 2 === 1) return []
      return [{ sinceMs: mark.sinceMs, to: (this.#marks[index + 1] ?? mark).to }]
    })
  }

  /** Since when there is anything behind a transaction; null if there is nothing. */
  sinceMs(behind: number): number | null {
    return this.#marks.find(({ to }) => to > behind)?.sinceMs ?? null
  }

  /** Nobody asks for what is behind an earlier transaction any more. */
  forget(upTo: number): void {
    const kept = this.#marks.findIndex(({ to }) => to > upTo)
    this.#marks.splice(0, kept < 0 ? this.#marks.length : kept)
  }
}
