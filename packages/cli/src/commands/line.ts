/** `dfs line`: a conversation in the older line protocol. */
import { type Command } from '../command.ts'
import { EXIT, UsageError } from '../exit-codes.ts'
import { runLineConversation } from '../local/line-conversation.ts'

export const line: Command = {
  name: 'line',
  operands: 'HOST:PORT',
  operandsMin: 1,
  operandsMax: 1,
  summary: 'Speak the line protocol with a gateway.',
  description: [
    'Each line typed is one message; replies are shown as they come. Lines can be edited and called back with the arrow keys; Ctrl-D ends the conversation. Piped input is passed on as it is, and the program ends after the last reply.',
    'The usual ports are 5011 (FIND_PRIMARY_SERVER) and 6001 to 6003 (CREATE_FILE:NAME, WRITE_FILE:NAME:CONTENT, READ_FILE:NAME, DELETE_FILE:NAME).',
  ],
  options: {},
  async run({ stdin, stdout, signal }, { operands }) {
    await runLineConversation({ ...addressOf(operands[0]!), stdin, stdout, signal })
    return EXIT.ok
  },
}

function addressOf(operand: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, digits] = /^(?:\[(.+)\]|([^:]+)):([0-9]{1,5})$/.exec(operand) ?? []
  const port = Number(digits)
  if (digits === undefined || port < 1 || port > 65_535) {
    throw new UsageError(`not an address like 127.0.0.1:6001: ${operand}`)
  }
  return { host: (bracketed ?? plain)!, port }
}
