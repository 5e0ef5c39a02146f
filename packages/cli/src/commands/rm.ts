/** `dfs rm`: to the trash. */
import { DfsError, type FilePath, parseDirectoryPath, ROOT } from '@dfs/protocol'
import { type Command, type Context, RECURSIVE } from '../command.ts'
import { UsageError } from '../exit-codes.ts'
import { Tally } from '../tally.ts'

export const rm: Command = {
  name: 'rm',
  operands: 'PATH...',
  operandsMin: 1,
  operandsMax: Infinity,
  summary: 'Delete files and links, or directories with -r.',
  description: ['What is deleted goes to the trash. A link is deleted itself, never what it points to.'],
  options: { recursive: RECURSIVE },
  async run(context, { operands, flags }) {
    const tally = new Tally(context.output, context.signal)
    const isRecursive = flags.has('recursive')
    for (const operand of operands) {
      const work = (): Promise<void> => removeOne(context, parseDirectoryPath(operand), isRecursive)
      if (operands.length === 1) await work()
      else await tally.attempt(operand, work)
    }
    return tally.exitCode
  },
}

async function removeOne(context: Context, path: FilePath, isRecursive: boolean): Promise<void> {
  if (path === ROOT) throw new UsageError('the root cannot be deleted')
  const operation = await remove(context, path, isRecursive)
  await context.output.jsonResult({ path, operation })
}

async function remove(
  { client, signal }: Context,
  path: FilePath,
  isRecursive: boolean,
): Promise<string | null> {
  try {
    return (await client.remove(path, { signal })).operation
  } catch (error) {
    if (!(error instanceof DfsError && error.code === 'IS_A_DIRECTORY')) throw error
    if (!isRecursive) throw new UsageError(`${path} is a directory: use -r`)
    return (await client.removeDirectory(path, { recursive: true, signal })).operation
  }
}
