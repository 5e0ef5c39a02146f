/**
 * Whether a disk answers quickly enough to be waited for on the calling thread. One slow read there keeps everything else in
 * the process waiting; after it, reads go to other threads for a while, and then the next one tries again. Reads made there say
 * nothing: a busy process makes them look slow, whatever the disk does.
 */
const SLOW_READ_MS = 20
const SLOW_FOR_MS = 1000

export class ReadPace {
  #slowUntilMs = -Infinity

  isQuick(nowMs: number): boolean {
    return nowMs >= this.#slowUntilMs
  }

  /** A read on the calling thread has taken `tookMs`. */
  note(tookMs: number, nowMs: number): void {
    if (tookMs >= SLOW_READ_MS) this.#slowUntilMs = nowMs + SLOW_FOR_MS
  }
}
