/** `dfs mkdir`: a directory with its parents. */
import { parseDirectoryPath } from '@dfs/protocol'
import { type Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'

export const mkdir: Command = {
  name: 'mkdir',
  operands: 'PATH',
  operandsMin: 1,
  operandsMax: 1,
  summary: 'Make a directory and its parents.',
  description: [
    'It is no error when the directory exists. A put makes the directories that it needs by itself.',
  ],
  options: {},
  async run({ client, output, signal }, { operands }) {
    const path = parseDirectoryPath(operands[0]!)
    const { operation } = await client.makeDirectory(path, { signal })
    await output.jsonResult({ path, operation })
    return EXIT.ok
  },
}
