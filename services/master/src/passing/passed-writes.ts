/**
 * The attempts by which this master passes writes on to chunk servers, and what became of each. A chunk server that breaks
 * off may have stored the write, may be about to, or may wake up tomorrow and do so. But it can only happen here, by a commit: so
 * each attempt has a ticket, its command shows it, and a commit is let through only while the ticket is open. To settle an
 * attempt is to close its ticket, wait for the commit that is under way, if any, and look: from then on what is known stays
 * true (R14), whatever the chunk server still does.
 *
 * Tickets are gone with the process, and with it the connections of whoever waited for an answer; those of an earlier epoch are
 * closed. Refused: command ids of the master's own for the chunk server's commands, which it gives a new number if a volume
 * ends before the commit (docs/adr/0006), and an idempotency key made up by the master, a row more for every write.
 */
import { assert } from '@dfs/core'
import {
  type Command,
  type CommandResult,
  type CommandSuccess,
  DfsError,
  failure,
  type WriteCommand,
  type WriteTicket,
} from '@dfs/protocol'
import { type CommitBatchRequest } from '../metadata/store.ts'

/** What an attempt has made visible. */
export interface Written {
  readonly command: WriteCommand
  readonly success: CommandSuccess
}

interface Attempt {
  /** Commits under way that show its ticket. */
  committingCount: number
  isClosed: boolean
  written: Written | null
  /** A commit failed in a way that says nothing of what was stored. */
  isUnknown: boolean
  onIdle: (() => void) | null
}

type Commit = (request: CommitBatchRequest) => Promise<readonly CommandResult[]>

export class PassedWrites {
  readonly #epoch: number
  readonly #attempts = new Map<number, Attempt>()
  #last = 0

  constructor(epoch: number) {
    this.#epoch = epoch
  }

  /** A ticket for one attempt, to be closed or settled. */
  open(): WriteTicket {
    this.#last += 1
    const attempt = { committingCount: 0, isClosed: false, written: null, isUnknown: false, onIdle: null }
    this.#attempts.set(this.#last, attempt)
    return { epoch: this.#epoch, number: this.#last }
  }

  /** The chunk server has answered for good. */
  close(ticket: WriteTicket): void {
    assert(this.#attempts.delete(ticket.number), 'a ticket is closed once')
  }

  /**
   * Closes the ticket of an attempt without a good answer. What it has written, or null: then it has written nothing and never
   * will. Throws TIMEOUT_ERROR if the store itself does not know.
   */
  async settle(ticket: WriteTicket): Promise<Written | null> {
    const attempt = this.#attempts.get(ticket.number)
    assert(attempt !== undefined && !attempt.isClosed, 'a ticket is settled once')
    attempt.isClosed = true
    if (attempt.committingCount > 0) await new Promise<void>((resolve) => (attempt.onIdle = resolve))
    this.#attempts.delete(ticket.number)
    if (attempt.isUnknown)
      throw new DfsError('TIMEOUT_ERROR', 'the metadata store did not confirm the change')
    return attempt.written
  }

  /** Commits a batch, without the commands whose tickets are closed: those are refused. */
  async guard(request: CommitBatchRequest, commit: Commit): Promise<readonly CommandResult[]> {
    const { commands } = request
    if (!commands.some((command) => ticketOf(command) !== undefined)) return commit(request)
    const allowed = commands.filter((command) => this.#isAllowed(command))
    if (allowed.length === commands.length) return this.#commit(request, commit)
    const isAllowed = new Set(allowed)
    const results = allowed.length === 0 ? [] : await this.#commit({ ...request, commands: allowed }, commit)
    let at = 0
    return commands.map((command) => {
      if (!isAllowed.has(command)) return failure('UNAVAILABLE', 'the master has given this attempt up')
      at += 1
      return results[at - 1]!
    })
  }

  async #commit(request: CommitBatchRequest, commit: Commit): Promise<readonly CommandResult[]> {
    const attempts = request.commands.map((command) => this.#attemptOf(command))
    for (const attempt of attempts) if (attempt !== null) attempt.committingCount += 1
    try {
      const results = await commit(request)
      for (const [index, attempt] of attempts.entries()) {
        const result = results[index]!
        if (attempt === null || !result.ok) continue
        attempt.written = { command: request.commands[index] as WriteCommand, success: result }
      }
      return results
    } catch (error) {
      // A refusal of the batch says that none of it was done; anything else, nothing.
      if (!(error instanceof DfsError) || error.code === 'TIMEOUT_ERROR')
        for (const attempt of attempts) if (attempt !== null) attempt.isUnknown = true
      throw error
    } finally {
      for (const attempt of attempts) if (attempt !== null) leave(attempt)
    }
  }

  #isAllowed(command: Command): boolean {
    return ticketOf(command) === undefined || this.#attemptOf(command)?.isClosed === false
  }

  /** Null for a command without a ticket, or with one that is not known any more. */
  #attemptOf(command: Command): Attempt | null {
    const ticket = ticketOf(command)
    if (ticket?.epoch !== this.#epoch) return null
    return this.#attempts.get(ticket.number) ?? null
  }
}

const ticketOf = (command: Command): WriteTicket | undefined =>
  command.kind === 'write' ? command.ticket : undefined

function leave(attempt: Attempt): void {
  attempt.committingCount -= 1
  if (attempt.committingCount === 0) attempt.onIdle?.()
}
