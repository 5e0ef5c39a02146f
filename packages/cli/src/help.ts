/** Help and reference, made from the table of commands: they cannot say anything else than the program does. */
import { type Command, type OptionSpec } from './command.ts'
import { COMMANDS } from './command-table.ts'
import { EXIT_CODES } from './exit-codes.ts'
import { columns } from './text.ts'

export const DEFAULT_URL = 'http://127.0.0.1:7070'

export const GLOBAL_OPTIONS: Readonly<Record<string, OptionSpec>> = Object.freeze({
  url: { value: 'URL', summary: `Any node of the cluster; default $DFS_URL, or ${DEFAULT_URL}.` },
  json: { summary: 'Results and errors as JSON, one object a line.' },
  quiet: { short: 'q', summary: 'No progress and no summary; errors are still shown.' },
  help: { short: 'h', summary: 'Show help.' },
  version: { summary: 'Show the version.' },
})

/** `dfs help`. */
export function overview(): string {
  return [
    'dfs - files in the cluster',
    '',
    'Usage: dfs COMMAND [OPTIONS] OPERANDS',
    '',
    columns([
      ...COMMANDS.map((each) => [`  ${shortSynopsis(each)}`, each.summary]),
      ['  help [COMMAND]', 'Show help.'],
    ]),
    '',
    'Options of every command:',
    columns(optionRows(GLOBAL_OPTIONS)),
    '',
    'Paths in the cluster begin with "/", which may be left out; a name is kept exactly as given.',
    'An operand that begins with "-" goes after "--".',
    '',
    'Exit codes:',
    columns(EXIT_CODES.map(([code, meaning]) => [`  ${code}`, meaning])),
  ].join('\n')
}

/** `dfs help COMMAND`. */
export function helpOf(command: Command): string {
  const paragraphs = command.description.flatMap((text) => ['', wrap(text, 80)])
  const rows = optionRows(command.options)
  const options = rows.length === 0 ? [] : ['', 'Options:', columns(rows)]
  return [`Usage: dfs ${synopsis(command)}`, '', command.summary, ...paragraphs, ...options].join('\n')
}

/** The text of docs/cli.md. */
export function reference(): string {
  const sections = COMMANDS.map((each) => `## dfs ${each.name}\n\n\`\`\`text\n${helpOf(each)}\n\`\`\``)
  return [
    '# The command line',
    'This page is made from the table of commands, and a test compares the two. In a checkout the program is started with `npx dfs`.',
    `\`\`\`text\n${overview()}\n\`\`\``,
    ...sections,
    '',
  ]
    .join('\n\n')
    .replace(/\n+$/, '\n')
}

/** For the overview, which has no room for values. */
const shortSynopsis = (command: Command): string =>
  Object.values(command.options).some(({ value }) => value !== undefined)
    ? `${command.name} [OPTIONS] ${command.operands}`
    : synopsis(command)

function synopsis({ name, operands, options }: Command): string {
  const flags = Object.entries(options).map(([long, { short, value }]) => {
    const option = short === undefined ? `--${long}` : `-${short}`
    return value === undefined ? `[${option}]` : `[${option} ${value}]`
  })
  return [name, ...flags, operands].filter((part) => part !== '').join(' ')
}

function optionRows(options: Readonly<Record<string, OptionSpec>>): string[][] {
  return Object.entries(options).map(([name, { short, summary, value }]) => {
    const long = value === undefined ? `--${name}` : `--${name} ${value}`
    return [short === undefined ? `  ${long}` : `  -${short}, ${long}`, summary]
  })
}

function wrap(text: string, width: number): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.join('\n')
}
