/**
 * Transcripts: files that show what is sent and what comes back. A paragraph says what is shown; lines of setup follow,
 * then `---`, then steps:
 *
 *     > bytes      sent                          label> bytes   sent on another connection
 *     < bytes      exactly these are received    label< bytes
 *     quiet 250    milliseconds pass             silence        nothing was received
 *     open b files 10.0.0.2   a further connection, from that address
 *     half-close · reset · fin (the gateway's) · gone (reset by the gateway), each with a label before it where needed
 *     = name content          what the file holds now; `= name -`: there is none
 *
 * In bytes: \n \r \t \\ \xNN, {x*1025} for repetition, and {end} for the ending that the player puts in turn: nothing,
 * LF, CRLF. Without an ending it waits a second after the message.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { assert } from '@dfs/core'

export type Step =
  | { readonly kind: 'send' | 'receive'; readonly label: string; readonly text: string }
  | { readonly kind: 'quiet'; readonly ms: number }
  | { readonly kind: 'open'; readonly label: string; readonly port: string; readonly address: string }
  | { readonly kind: 'silence' | 'half-close' | 'reset' | 'fin' | 'gone'; readonly label: string }
  | { readonly kind: 'stored'; readonly name: string; readonly text: string }

export interface Transcript {
  readonly name: string
  readonly about: string
  /** Lines like `port files`, `file a.txt hello`, `primary none`, as words. */
  readonly setup: readonly (readonly string[])[]
  readonly steps: readonly Step[]
}

const DIRECTORY = new URL('../transcripts/', import.meta.url)

export function readTranscripts(): Transcript[] {
  const names = readdirSync(DIRECTORY).filter((name) => name.endsWith('.txt'))
  return names.toSorted().map((name) => parse(name, readFileSync(new URL(name, DIRECTORY), 'utf8')))
}

function parse(name: string, text: string): Transcript {
  const [head, body] = text.split('\n---\n')
  assert(head !== undefined && body !== undefined, `${name}: no line ---`)
  const [about, setup = ''] = head.split('\n\n')
  assert(about !== undefined && about.length > 20, `${name}: say what is shown`)
  const lines = (part: string): string[] => part.split('\n').filter((line) => line.trim() !== '')
  return {
    name,
    about,
    setup: lines(setup).map((line) => line.split(' ')),
    steps: lines(body).map((line) => parseStep(name, line)),
  }
}

function parseStep(name: string, line: string): Step {
  const bytes = /^(\w*)([<>]) ?(.*)$/.exec(line)
  if (bytes !== null) {
    return { kind: bytes[2] === '>' ? 'send' : 'receive', label: bytes[1]!, text: bytes[3]! }
  }
  const words = line.split(' ')
  if (words[0] === 'quiet') return { kind: 'quiet', ms: Number(words[1]) }
  if (words[0] === '=') return { kind: 'stored', name: words[1]!, text: words.slice(2).join(' ') }
  if (words[0] === 'open') {
    return { kind: 'open', label: words[1]!, port: words[2]!, address: words[3] ?? '127.0.0.1' }
  }
  const [kind, label = ''] = words.length > 1 ? [words[1], words[0]] : words
  const isKnown = ['silence', 'half-close', 'reset', 'fin', 'gone'].includes(kind!)
  assert(isKnown, `${name}: what is "${line}"?`)
  return { kind: kind as 'silence', label }
}

/** The bytes that `text` stands for, with `end` for {end}. */
export function bytesOf(text: string, end: string): Uint8Array {
  const whole = text
    .replaceAll('{end}', end)
    .replaceAll(/\{([^*]+)\*(\d+)\}/g, (_, unit: string, count: string) => unit.repeat(Number(count)))
  const pieces = whole.split(/(\\x[0-9a-f]{2}|\\[nrt\\])/)
  return Buffer.concat(pieces.map((piece) => unescape(piece)))
}

function unescape(piece: string): Buffer {
  if (piece.startsWith('\\x')) return Buffer.from(piece.slice(2), 'hex')
  const escapes: Readonly<Record<string, string>> = { '\\n': '\n', '\\r': '\r', '\\t': '\t', '\\\\': '\\' }
  return Buffer.from(escapes[piece] ?? piece)
}
