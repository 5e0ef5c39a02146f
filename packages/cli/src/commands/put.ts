/** `dfs put`: local files and trees into the cluster. */
import { basename, resolve } from 'node:path'
import { DfsError, type FilePath, joinPath, parseFilePath } from '@dfs/protocol'
import { type Arguments, type Command, type Context, RECURSIVE } from '../command.ts'
import { EXIT, UsageError } from '../exit-codes.ts'
import { namedKind, namesInput } from '../local/named-source.ts'
import { localFile, streamBytes } from '../local/source.ts'
import { linkTarget, type LocalEntry, walk } from '../local/walk.ts'
import { forEachParallel } from '../parallel.ts'
import { below, destinationOf, namesDirectory } from '../remote-names.ts'
import { Tally } from '../tally.ts'
import { IN_FLIGHT_MAX, slotFor } from '../transfer-slots.ts'

export const put: Command = {
  name: 'put',
  operands: 'LOCAL... REMOTE',
  operandsMin: 2,
  operandsMax: Infinity,
  summary: 'Store files, or trees with -r.',
  description: [
    'LOCAL is stored under the name REMOTE. If REMOTE ends with "/", or several LOCAL are given, each keeps its own name inside of that directory; so does a single file if REMOTE turns out to be a directory. Missing directories are made.',
    'With -r the content of the directory LOCAL becomes the content of REMOTE itself: "put -r photos /photos" may be repeated and gives the same tree. What REMOTE holds already stays, files of the same name are replaced.',
    'LOCAL itself may be a link, which is followed; with -r it is stored as a link. It may be a pipe or a device, which is read to its end: "put <(command) /name" and "put /dev/fd/3 /name" store the bytes, with -r too. LOCAL may be "-", or /dev/stdin: standard input, of any length, stored under the name REMOTE.',
    'Inside of a tree links are stored as links and never followed. The executable bit is kept. Sockets, pipes and devices in there, names that are not UTF-8, and what cannot be read are left out with a message each; the rest is stored, and the exit code is then 1.',
    'A file that grows while it is read is stored with the size that it had; of one that shrinks or is replaced meanwhile nothing is stored.',
  ],
  options: { recursive: RECURSIVE },
  async run(context, args) {
    const locals = args.operands.slice(0, -1)
    const operand = args.operands.at(-1)!
    if (locals.some(namesInput)) return await putInput(context, locals, operand)
    const tally = new Tally(context.output, context.signal)
    const into = locals.length > 1 && !namesDirectory(operand) ? `${operand}/` : operand
    for (const local of locals) {
      const work = (): Promise<void> => putOperand(context, args, { local, operand: into, tally })
      if (locals.length === 1) await work()
      else await tally.attempt(local, work)
    }
    context.output.notice(context.progress.summary('stored'))
    return tally.exitCode
  },
}

interface OneOperand {
  readonly local: string
  readonly operand: string
  readonly tally: Tally
}

async function putInput(context: Context, locals: readonly string[], operand: string): Promise<number> {
  if (locals.length > 1) throw new UsageError('standard input cannot be combined with other sources')
  if (namesDirectory(operand)) throw new UsageError('standard input needs a name to be stored under')
  await putFile(context, counted(context), { path: parseFilePath(operand), executable: false })
  context.output.notice(context.progress.summary('stored'))
  return EXIT.ok
}

async function* counted({ stdin, progress }: Context): AsyncGenerator<Uint8Array> {
  for await (const piece of stdin) {
    yield piece
    progress.addBytes(piece.byteLength)
  }
}

async function putOperand(
  context: Context,
  args: Arguments,
  { local, operand, tally }: OneOperand,
): Promise<void> {
  const isTree = args.flags.has('recursive')
  const kind = await namedKind(local, { isTree })
  const name = basename(resolve(local))
  switch (kind) {
    case 'directory': {
      if (!isTree) throw new UsageError(`${local} is a directory: use -r`)
      const root = destinationOf(operand, name)
      await putTree(context, local, root, tally)
      return
    }
    case 'link':
      await putLink(context, destinationOf(operand, name), await linkTarget(local))
      return
    case 'file':
      await putNamedFile(context, local, { operand, name })
      return
    case 'stream': {
      const source = streamBytes(local, (count) => context.progress.addBytes(count))
      await putFile(context, source, { path: destinationOf(operand, name), executable: false })
    }
  }
}

/** A single file, whose destination may turn out to be a directory. */
async function putNamedFile(
  context: Context,
  local: string,
  { operand, name }: { readonly operand: string; readonly name: string },
): Promise<void> {
  const path = destinationOf(operand, name)
  try {
    await putLocalFile(context, { local, path, isNamed: true })
  } catch (error) {
    const isDirectory = error instanceof DfsError && error.code === 'IS_A_DIRECTORY'
    if (!isDirectory || namesDirectory(operand)) throw error
    await putLocalFile(context, { local, path: joinPath(path, name), isNamed: true })
  }
}

async function putTree(context: Context, local: string, root: FilePath, tally: Tally): Promise<void> {
  const { signal } = context
  const work = async (entry: LocalEntry): Promise<void> => {
    if (entry.kind === 'skipped') return tally.skip(entry.path, entry.reason)
    await tally.attempt(entry.path, () => putEntry(context, entry, root))
  }
  await forEachParallel(walk(local), work, { inFlightMax: IN_FLIGHT_MAX, signal })
}

async function putEntry(
  context: Context,
  entry: Exclude<LocalEntry, { kind: 'skipped' }>,
  root: FilePath,
): Promise<void> {
  if (entry.relative === '') {
    await context.client.makeDirectory(root, context)
    return
  }
  const path = below(root, entry.relative)
  if (entry.kind === 'file') return await putLocalFile(context, { local: entry.path, path, isNamed: false })
  if (entry.kind === 'link') return await putLink(context, path, entry.target)
  await context.client.makeDirectory(path, context)
  await context.output.jsonResult({ kind: 'directory', path })
}

interface OneFile {
  readonly local: string
  readonly path: FilePath
  readonly isNamed: boolean
}

async function putLocalFile(context: Context, { local, path, isNamed }: OneFile): Promise<void> {
  const onBytes = (count: number): void => context.progress.addBytes(count)
  const { source, size, executable } = localFile(local, { isNamed, onBytes })
  await slotFor(size, () => putFile(context, source, { path, executable, size }))
}

async function putFile(
  context: Context,
  source: Parameters<Context['client']['put']>[1],
  { path, ...options }: { readonly path: FilePath; readonly executable: boolean; readonly size?: number },
): Promise<void> {
  const stored = await context.client.put(path, source, { ...options, signal: context.signal })
  context.progress.addFile()
  await context.output.jsonResult(stored)
}

async function putLink(context: Context, path: FilePath, target: string): Promise<void> {
  await context.client.link(path, target, { signal: context.signal })
  context.progress.addFile()
  await context.output.jsonResult({ kind: 'link', path, target })
}
