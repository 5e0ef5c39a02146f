/**
 * Standard output. What goes wrong there is an error of the command, one line like any other, and never of the process: a
 * full disk behind it, or a reader that has seen enough (`dfs ls | head`), which is no failure at all.
 */
import { type Writable } from 'node:stream'

export type OutputWritable = Writable & { readonly isTTY?: boolean }

/** The reader of a pipe has gone: a command that does nothing but show ends here, and well. */
export class ReaderGoneError extends Error {
  override readonly name = 'ReaderGoneError'
}

export class ResultStream {
  readonly #stream: OutputWritable
  #failure: Error | null = null
  #isTold = false

  constructor(stream: OutputWritable) {
    this.#stream = stream
    stream.on('error', (error) => this.#note(error))
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true
  }

  /** Waits while the reader is slow. Rejects with the error of the system, or with {@link ReaderGoneError}. */
  async write(bytes: Uint8Array): Promise<void> {
    if (await this.#accepts(bytes)) return
    this.#isTold = true
    throw this.#failure!
  }

  /** For what is not worth ending the work: resolves in any case, and {@link finish} tells of it. */
  async writeAside(bytes: Uint8Array): Promise<void> {
    await this.#accepts(bytes)
  }

  /** Throws a failure that nobody has been told of, unless it is a reader that has gone. */
  finish(): void {
    if (this.#failure === null || this.#isTold || this.#failure instanceof ReaderGoneError) return
    throw this.#failure
  }

  async #accepts(bytes: Uint8Array): Promise<boolean> {
    if (this.#failure !== null) return false
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#stream.write(bytes, (error) => {
      if (error instanceof Error) this.#note(error)
      resolve()
    })
    await promise
    return this.#failure === null
  }

  #note(error: NodeJS.ErrnoException): void {
    this.#failure ??=
      error.code === 'EPIPE'
        ? new ReaderGoneError('nobody reads the output any more', { cause: error })
        : error
  }
}
