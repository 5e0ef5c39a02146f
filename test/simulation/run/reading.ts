/**
 * How a client reads: a piece is only lent to it until it asks for the next one, and a slow client, or its line, has it for seconds. So
 * what it is lent is taken at the end of that time: whoever lends the same memory to somebody else meanwhile gives it other bytes.
 * Some clients stall once for long, and some have had enough in the middle.
 */
import { type ChunkServer, POOLED_BYTES_MIN } from '@dfs/chunk-server'
import { type Clock, concatBytes } from '@dfs/core'
import { type FileInfo, parseFilePath } from '@dfs/protocol'
import { type SimRandom, type Simulation } from '@dfs/sim-runtime'
import { contextAt } from '../sim-files.ts'

/** What a slow read takes of the client's own time, at most. */
export const TAKING_MS_MAX = 30_000
const STALL_MS = 20_000
const GIVES_UP_RATIO = 0.05

/** A chunk server, as clients see it. */
export interface ReadableNode {
  readonly clock: Clock
  readonly read: ChunkServer['files']['read'] | null
}

/** How one client takes one file. */
export interface ReaderPace {
  /** Before a piece is taken, at most. */
  readonly pauseMs: number
  /** Once, before a piece drawn among the first few, where one is drawn that exists. */
  readonly stallsAtPiece: number | null
  /** It asks for no more behind this piece, if there is one. */
  readonly endsAtPiece: number | null
}

export const PROMPT: ReaderPace = Object.freeze({ pauseMs: 0, stallsAtPiece: null, endsAtPiece: null })

/** Of all reads of a run, for the summary. */
export interface ReadingCounts {
  /** Pieces in pooled buffers that a client had for a time. */
  heldPieces: number
}

export interface Reading {
  readonly simulation: Simulation
  readonly random: SimRandom
  readonly pace: ReaderPace
  readonly counts: ReadingCounts
  /** Which version it reads is decided. */
  readonly onVersion: () => void
}

export interface Read {
  readonly info: FileInfo
  readonly start: number
  readonly bytes: Uint8Array
  readonly gaveUp: boolean
}

const PIECES_DRAWN = 4

/** `pauseMs` is that of the run; a part of all reads is prompt in any run. */
export function drawPace(random: SimRandom, pauseMs: number): ReaderPace {
  const isSlow = pauseMs > 0 && random.chance(0.7)
  return {
    pauseMs: isSlow ? pauseMs : 0,
    stallsAtPiece: isSlow && random.chance(0.1) ? random.int(PIECES_DRAWN) : null,
    endsAtPiece: random.chance(GIVES_UP_RATIO) ? random.int(PIECES_DRAWN) : null,
  }
}

/** All of a file, or now and then a range of it. Rejects as the node's stream does. */
export async function readFile(node: ReadableNode, name: string, reading: Reading): Promise<Read> {
  const { random } = reading
  const file = await node.read!({ path: parseFilePath(name), version: null }, contextAt(node))
  const { info } = file
  reading.onVersion()
  const range = random.chance(0.3) ? drawRange(random, info.size) : null
  let mustStop = false
  // Who is slow while others wait for memory is told to stop, as the program that sends the pieces does.
  const stream = file.stream(range, () => {
    mustStop = true
  })
  const taken = await take(stream, reading, () => mustStop)
  return { info, start: range?.start ?? 0, ...taken }
}

async function take(
  pieces: AsyncIterable<Uint8Array>,
  reading: Reading,
  mustStop: () => boolean,
): Promise<{ bytes: Uint8Array; gaveUp: boolean }> {
  const { pace, counts } = reading
  const taken: Uint8Array[] = []
  let leftMs = TAKING_MS_MAX
  for await (const piece of pieces) {
    const pauseMs = Math.min(leftMs, drawPause(reading, taken.length))
    leftMs -= pauseMs
    if (pauseMs > 0) {
      if (piece.byteLength >= POOLED_BYTES_MIN) counts.heldPieces += 1
      await pass(reading.simulation, pauseMs)
    }
    taken.push(piece.slice())
    if (taken.length - 1 === pace.endsAtPiece || mustStop())
      return { bytes: concatBytes(taken), gaveUp: true }
  }
  return { bytes: concatBytes(taken), gaveUp: false }
}

function drawPause({ pace, random }: Reading, piece: number): number {
  if (piece === pace.stallsAtPiece) return STALL_MS
  return pace.pauseMs === 0 ? 0 : random.int(pace.pauseMs)
}

function drawRange(random: SimRandom, size: number): { start: number; end: number } | null {
  if (size === 0) return null
  const start = random.int(size)
  return { start, end: start + 1 + random.int(size - start) }
}

const pass = (simulation: Simulation, ms: number): Promise<void> =>
  new Promise((resolve) => void simulation.schedule(ms, 'client takes a piece', resolve))
