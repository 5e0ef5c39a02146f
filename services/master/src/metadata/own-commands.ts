/**
 * Commands of the master's own public routes. They take the way of everybody's: under command ids of sender 0, whose
 * incarnation is the epoch.
 */
import {
  type Command,
  type CommandBody,
  type CommandSuccess,
  RequestNumbers,
  requireSuccess,
} from '@dfs/protocol'
import { assert } from '@dfs/core'
import { type Groups } from './groups.ts'

export class OwnCommands {
  readonly #groups: Groups
  readonly #incarnation: number
  readonly #numbers = new RequestNumbers()

  constructor(groups: Groups, epoch: number) {
    this.#groups = groups
    this.#incarnation = epoch
  }

  /** Throws the command's failure. */
  async execute(body: CommandBody): Promise<CommandSuccess> {
    const number = this.#numbers.take()
    const { watermark } = this.#numbers
    const sender = { server: 0, incarnation: this.#incarnation }
    const command: Command = { ...body, id: { ...sender, number } }
    try {
      const [result] = await this.#groups.commit({ ...sender, watermark, commands: [command] })
      assert(result !== undefined, 'a command has a result')
      return requireSuccess(result)
    } finally {
      this.#numbers.release(number)
    }
  }
}
