/**
 * The logs of a data directory as the launcher of `npm start` keeps them: `logs/<service>.log`, and `<service>.log.1` with
 * what was before it. Whoever follows them sees each line once, also across the moment in which a log that has become too
 * large moves there (scripts/cluster/log-file.ts).
 */
import { existsSync, readdirSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { type LogEntry, parseLine } from '../logs/log-entry.ts'

const READ_BYTES = 256 * 1024
const LOG_NAME = /^(.+)\.log(?:\.1)?$/

export class LogDirectory {
  readonly #path: string
  readonly #isOfInterest: (service: string) => boolean
  readonly #logs = new Map<string, ServiceLog>()
  #nameLength = 0

  /** `path` is the data directory. Throws the system's error if it has no logs. */
  constructor(path: string, isOfInterest: (service: string) => boolean) {
    this.#path = join(path, 'logs')
    this.#isOfInterest = isOfInterest
    this.#look()
  }

  /** Of those that are of interest, in the order of their names. */
  get services(): readonly string[] {
    return [...this.#logs.keys()].toSorted()
  }

  /** The length of the longest name. */
  get nameLength(): number {
    return this.#nameLength
  }

  /** What was added since the last time, at first all that there is: in the order of time, that of each service kept. */
  async *entries(): AsyncGenerator<LogEntry> {
    this.#look()
    const sources = await Promise.all(
      this.services.map(async (service) => {
        const iterator = this.#logs.get(service)!.entries()
        return { iterator, step: await iterator.next() }
      }),
    )
    for (;;) {
      let earliest: (typeof sources)[number] | null = null
      for (const source of sources) {
        if (source.step.done === true) continue
        if (earliest === null || source.step.value.timeMs < (earliest.step.value as LogEntry).timeMs)
          earliest = source
      }
      if (earliest === null) return
      yield earliest.step.value as LogEntry
      earliest.step = await earliest.iterator.next()
    }
  }

  /** A service may have begun since. */
  #look(): void {
    for (const name of readdirSync(this.#path)) {
      const [, service] = LOG_NAME.exec(name) ?? []
      if (service === undefined || this.#logs.has(service) || !this.#isOfInterest(service)) continue
      this.#logs.set(service, new ServiceLog(join(this.#path, `${service}.log`), service))
      this.#nameLength = Math.max(this.#nameLength, service.length)
    }
  }
}

class ServiceLog {
  readonly #path: string
  readonly #service: string
  /** How far the log was read; null before the first time. */
  #at: number | null = null
  #timeMs = 0
  /** A line that was not finished. */
  #rest = ''

  constructor(path: string, service: string) {
    this.#path = path
    this.#service = service
  }

  async *entries(): AsyncGenerator<LogEntry> {
    const size = await sizeOf(this.#path)
    if (this.#at === null) {
      yield* this.#read(`${this.#path}.1`, 0, await sizeOf(`${this.#path}.1`))
      this.#at = 0
    } else if (size < this.#at) {
      yield* this.#read(`${this.#path}.1`, this.#at, await sizeOf(`${this.#path}.1`))
      this.#at = 0
    }
    yield* this.#read(this.#path, this.#at, size)
    this.#at = size
  }

  /** Whole lines only; what follows the last one waits for its end. */
  async *#read(path: string, from: number, to: number): AsyncGenerator<LogEntry> {
    if (to <= from) return
    const decoder = new TextDecoder()
    const file = await open(path)
    try {
      for (let at = from; at < to;) {
        const bytes = await readSome(file, at, Math.min(READ_BYTES, to - at))
        if (bytes.byteLength === 0) return
        at += bytes.byteLength
        const lines = (this.#rest + decoder.decode(bytes, { stream: true })).split('\n')
        this.#rest = lines.pop()!
        for (const line of lines) {
          if (line.trim() === '') continue
          const entry = parseLine(line, this.#service, this.#timeMs)
          this.#timeMs = entry.timeMs
          yield entry
        }
      }
    } finally {
      await file.close()
    }
  }
}

async function readSome(file: FileHandle, at: number, count: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(count)
  const { bytesRead } = await file.read(buffer, 0, count, at)
  return buffer.subarray(0, bytesRead)
}

/** 0 for a file that is not there. */
async function sizeOf(path: string): Promise<number> {
  if (!existsSync(path)) return 0
  const file = await open(path)
  try {
    return (await file.stat()).size
  } finally {
    await file.close()
  }
}
