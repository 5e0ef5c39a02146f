/** `dfs get`: files and trees out of the cluster. */
import { join } from 'node:path'
import { DfsError, type FilePath, type ListedEntry, parseDirectoryPath, parseFilePath } from '@dfs/protocol'
import { type Command, type Context, RECURSIVE } from '../command.ts'
import { EXIT, UsageError } from '../exit-codes.ts'
import { type Content, landFile, landingOf, LandingTree, landLink, writeInto } from '../local/landing.ts'
import { forEachParallel } from '../parallel.ts'
import { baseNameOf, below } from '../remote-names.ts'
import { Tally } from '../tally.ts'
import { IN_FLIGHT_MAX, slotFor } from '../transfer-slots.ts'

export const get: Command = {
  name: 'get',
  operands: 'REMOTE LOCAL',
  operandsMin: 2,
  operandsMax: 2,
  summary: 'Fetch a file, or a tree with -r.',
  description: [
    'The file REMOTE is written to LOCAL, or into LOCAL if that is a directory or ends with "/". LOCAL may be "-": standard output.',
    'With -r the content of the directory REMOTE becomes the content of LOCAL itself, which is made if needed; if LOCAL ends with "/" the tree keeps its own name inside of it. What LOCAL holds already stays, files and links of the same name are replaced.',
    'Inside of a local tree links are never followed: a directory that turns out to be a link is refused, and so is all that would be written below it.',
    'Each file is written under a temporary name (.dfs-*.part) and renamed when it is whole: an interrupted get leaves no half file under its final name. What cannot be written is left out with a message; the rest of the tree is fetched, and the exit code is then 1.',
  ],
  options: { recursive: RECURSIVE },
  async run(context, { operands, flags }) {
    const [remote, local] = operands as [string, string]
    if (local === '-') return await getToOutput(context, remote)
    const isTree = flags.has('recursive') && (await isDirectory(context, remote))
    const exitCode = isTree ? await getTree(context, remote, local) : await getOne(context, remote, local)
    context.output.notice(context.progress.summary('fetched'))
    return exitCode
  },
}

async function isDirectory(context: Context, remote: string): Promise<boolean> {
  const path = parseDirectoryPath(remote)
  return path === '/' || (await context.client.stat(path, { signal: context.signal })).kind === 'directory'
}

async function getToOutput(context: Context, remote: string): Promise<number> {
  const { body } = await context.client.get(remote, { signal: context.signal })
  for await (const piece of body) await context.output.write(piece)
  return EXIT.ok
}

async function getOne(context: Context, remote: string, local: string): Promise<number> {
  const path = parseFilePath(remote)
  const { path: landing, isDevice } = await landingOf(local, baseNameOf(path))
  try {
    await fetchFile(context, path, async (content) =>
      isDevice ? await writeInto(landing, content) : await landFile(landing, content, context.random),
    )
  } catch (error) {
    if (error instanceof DfsError && error.code === 'IS_A_DIRECTORY') {
      throw new UsageError(`${path} is a directory: use -r`)
    }
    if (!(error instanceof DfsError && error.code === 'IS_A_LINK')) throw error
    const { target } = await context.client.readLink(path, { signal: context.signal })
    await landLink(landing, target, context.random)
    context.progress.addFile()
  }
  await context.output.jsonResult({ path, local: landing })
  return EXIT.ok
}

async function fetchFile(
  context: Context,
  path: FilePath,
  land: (content: Content) => Promise<void>,
): Promise<void> {
  await using download = await context.client.get(path, { signal: context.signal })
  const { executable } = download.info
  await land({ body: download.body, executable, onBytes: (count) => context.progress.addBytes(count) })
  context.progress.addFile()
}

async function getTree(context: Context, remote: string, local: string): Promise<number> {
  const root = parseDirectoryPath(remote)
  const isInside = local.endsWith('/') && root !== '/'
  const tree = new LandingTree(isInside ? join(local, baseNameOf(root)) : local)
  await tree.open()
  const tally = new Tally(context.output, context.signal)
  const links: ListedEntry[] = []
  const { signal } = context
  const fetchEntry = async (entry: ListedEntry): Promise<void> => {
    // Links come last: then none of them stands where a directory is about to be written.
    if (entry.kind === 'link') links.push(entry)
    else await tally.attempt(below(root, entry.path), () => landEntry(context, { root, tree, entry }))
  }
  const entries = context.client.list(root, { recursive: true, signal })
  await forEachParallel(entries, fetchEntry, { inFlightMax: IN_FLIGHT_MAX, signal })
  for (const entry of links) {
    await tally.attempt(below(root, entry.path), () => landEntry(context, { root, tree, entry }))
  }
  return tally.exitCode
}

interface OneEntry {
  readonly root: FilePath
  readonly tree: LandingTree
  readonly entry: ListedEntry
}

async function landEntry(context: Context, { root, tree, entry }: OneEntry): Promise<void> {
  const path = below(root, entry.path)
  switch (entry.kind) {
    case 'directory':
      await tree.makeDirectory(entry.path)
      return
    case 'link':
      await landLink(await tree.place(entry.path), entry.target ?? '', context.random)
      context.progress.addFile()
      break
    case 'file': {
      const landing = await tree.place(entry.path)
      const land = (content: Content): Promise<void> => landFile(landing, content, context.random)
      await slotFor(entry.size ?? 0, () => fetchFile(context, path, land))
    }
  }
  await context.output.jsonResult({ kind: entry.kind, path })
}
