/** `dfs mv`: another name, in one step. */
import { parseDirectoryPath } from '@dfs/protocol'
import { type Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { baseNameOf, destinationOf } from '../remote-names.ts'

export const mv: Command = {
  name: 'mv',
  operands: 'FROM TO',
  operandsMin: 2,
  operandsMax: 2,
  summary: 'Rename a file, link or directory.',
  description: [
    'One atomic step, whatever the size. FROM gets the name TO; if TO ends with "/", it keeps its own name inside of that directory. A file or link at the target is replaced and goes to the trash.',
  ],
  options: {},
  async run({ client, output, signal }, { operands }) {
    const from = parseDirectoryPath(operands[0]!)
    const to = destinationOf(operands[1]!, baseNameOf(from))
    const { operation } = await client.move(from, to, { signal })
    await output.jsonResult({ from, to, operation })
    return EXIT.ok
  },
}
