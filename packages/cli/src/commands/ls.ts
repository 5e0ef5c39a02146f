/** `dfs ls`: what a directory holds. */
import { type ListedEntry, parseDirectoryPath } from '@dfs/protocol'
import { DfsError, type EntryView } from '@dfs/protocol'
import { type Command, RECURSIVE } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { longRow, shortRow } from '../text.ts'

export const ls: Command = {
  name: 'ls',
  operands: '[PATH]',
  operandsMin: 0,
  operandsMax: 1,
  summary: 'List a directory, the root by default.',
  description: [
    'Entries come in order of their names, one a line; a directory has a "/" at its end. If PATH is a file or a link, it is listed itself.',
    'On a terminal, and in every message, what turns the direction of writing in a name, what is invisible and what is a control character is shown as its number, for example \\u{202e} or \\x1b. To a file or another program names go exactly as they are; --json has them exactly in any case.',
    'With -l each line begins with the kind ("d" directory, "l" link, "-" file, "-x" executable file), the size in bytes, and the time of the last change in UTC.',
  ],
  options: { recursive: RECURSIVE, long: { short: 'l', summary: 'Kind, size and time of each entry.' } },
  async run({ client, output, signal }, { operands, flags }) {
    const path = parseDirectoryPath(operands[0] ?? '/')
    const row = flags.has('long') ? longRow : shortRow
    try {
      for await (const entry of client.list(path, { recursive: flags.has('recursive'), signal })) {
        await output.result(entry, () => row(entry, output.shown))
      }
    } catch (error) {
      if (!(error instanceof DfsError && ['NOT_A_DIRECTORY', 'IS_A_LINK'].includes(error.code))) throw error
      const entry = listedAs(await client.stat(path, { signal }))
      await output.result(entry, () => row(entry, output.shown))
    }
    return EXIT.ok
  },
}

function listedAs(view: EntryView): ListedEntry {
  const { path, kind, modifiedMs } = view
  if (view.kind === 'link') return { path, kind, modifiedMs, target: view.target }
  if (view.kind === 'directory') return { path, kind, modifiedMs }
  return { path, kind, modifiedMs, size: view.size, etag: view.etag, executable: view.executable }
}
