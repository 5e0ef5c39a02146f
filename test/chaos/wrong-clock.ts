/** A wall clock that is wrong, and jumps while its process runs: libfaketime between a process and the kernel. */
import { globSync, writeFileSync } from 'node:fs'

/** Null where it is not installed. The variant for programs with several threads. */
export const libfaketime = (): string | null => globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')[0] ?? null

export class WrongClock {
  readonly #file: string

  /** `file` does not exist yet; it tells the processes what to add. */
  constructor(file: string) {
    this.#file = file
    this.set('+0')
  }

  /** For the processes whose clock this is. Their monotonic clock stays as it is, as where somebody sets the time. */
  get environment(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: libfaketime() ?? '',
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    }
  }

  /** What the clock is ahead (`+1h`) or behind (`-1h`), at once. */
  set(offset: string): void {
    writeFileSync(this.#file, offset)
  }
}
