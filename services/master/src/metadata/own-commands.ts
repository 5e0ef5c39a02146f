/**
 * Commands of the master's own public routes. They take the way of everybody's: under request ids of sender 0, whose
 * incarnation is the epoch. The watermark is the oldest one that is still under way.
 */
import { type Command, type CommandBody, type CommandSuccess, requireSuccess } from '@dfs/protocol'
import { assert } from '@dfs/core'
import { type Groups } from './groups.ts'

export class OwnCommands {
  readonly #groups: Groups
  readonly #incarnation: number
  /** Numbers under way, in order. */
  readonly #underWay = new Set<number>()
  #last = 0

  constructor(groups: Groups, epoch: number) {
    this.#groups = groups
    this.#incarnation = epoch
  }

  /** Throws the command's failure. */
  async execute(body: CommandBody): Promise<CommandSuccess> {
    this.#last += 1
    const number = this.#last
    this.#underWay.add(number)
    const [watermark] = this.#underWay
    const sender = { server: 0, incarnation: this.#incarnation }
    const command: Command = { ...body, id: { ...sender, number } }
    try {
      const [result] = await this.#groups.commit({ ...sender, watermark: watermark!, commands: [command] })
      assert(result !== undefined, 'a command has a result')
      return requireSuccess(result)
    } finally {
      this.#underWay.delete(number)
    }
  }
}
