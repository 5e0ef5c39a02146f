/** Asks the person at the terminal for a word, for what cannot be undone. */
import { createInterface } from 'node:readline/promises'
import { type Readable, type Writable } from 'node:stream'
import { UsageError } from '../exit-codes.ts'

export interface Conversation {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly signal: AbortSignal
}

/** Whether the word was typed. Throws UsageError if nobody can be asked. */
export async function typesWord(
  word: string,
  question: string,
  { stdin, stdout, signal }: Conversation,
): Promise<boolean> {
  if (!('isTTY' in stdin) || stdin.isTTY !== true) {
    throw new UsageError('nobody can be asked here: read what would be given up, then add --yes')
  }
  const lines = createInterface({ input: stdin, output: stdout })
  try {
    return (await lines.question(question, { signal })).trim() === word
  } finally {
    lines.close()
  }
}
