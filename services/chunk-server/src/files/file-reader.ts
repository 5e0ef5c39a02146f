/** Reading a file: one look-up at the master, then its chunks in order, the next one fetched while one is being sent. */
import {
  DfsError,
  type FileInfo,
  type FilePath,
  type FoundFile,
  LOOKUP_CHUNKS_MAX,
  type LocatedChunk,
  type Lookup,
  type LookupResult,
  type RequestContext,
} from '@dfs/protocol'
import { type ByteRange, type OpenFile } from '@dfs/public-api'
import { type LoanedBytes } from './buffer-pool.ts'
import { type ChunkReader } from './chunk-reader.ts'

export interface FileReaderDeps {
  readonly lookup: (request: Lookup, context: RequestContext) => Promise<LookupResult>
  readonly chunks: ChunkReader
}

/** One chunk's part of what was asked, and who has it. */
interface Step {
  readonly chunk: LocatedChunk
  readonly servers: readonly number[]
  readonly from: number
  readonly to: number
}

export class FileReader {
  readonly #deps: FileReaderDeps

  constructor(deps: FileReaderDeps) {
    this.#deps = deps
  }

  /** See `FileService.read`. */
  async open(
    request: { readonly path: FilePath; readonly version: number | null },
    context: RequestContext,
  ): Promise<OpenFile> {
    const found = requireFile(
      await this.#deps.lookup({ ...request, by: 'path', fromByte: 0, chunksMax: LOOKUP_CHUNKS_MAX }, context),
    )
    return {
      info: found.info,
      stream: (range) => this.#stream(found, range ?? { start: 0, end: found.info.size }, context),
    }
  }

  /** The bytes of a range; a piece stays valid until the next one is asked for. */
  async *#stream(found: FoundFile, range: ByteRange, context: RequestContext): AsyncGenerator<Uint8Array> {
    const read = (step: Step): Promise<LoanedBytes> =>
      this.#deps.chunks.read(step.chunk, step.servers, step, context.requestId)
    let next: Promise<LoanedBytes> | null = null
    try {
      for await (const step of this.#steps(found, range, context)) {
        const following = read(step)
        // Its failure is seen when its turn comes, not before.
        following.catch(() => undefined)
        const current = next
        next = following
        if (current !== null) yield* lend(await current)
      }
      const last = next
      next = null
      if (last !== null) yield* lend(await last)
    } finally {
      void next?.then(
        (loan) => loan.release(),
        () => undefined,
      )
    }
  }

  /** The parts of chunks that make up a range, in order, without a gap; pages of further chunks are looked up by version. */
  async *#steps(found: FoundFile, range: ByteRange, context: RequestContext): AsyncGenerator<Step> {
    let at = range.start
    let page = found
    while (at < range.end) {
      const parts = page.chunks.filter((chunk) => chunk.start <= at && at < chunk.start + chunk.length)
      if (parts.length === 0) page = await this.#page(found.info, at, context)
      for (const chunk of page.chunks) {
        if (chunk.start > at || at >= chunk.start + chunk.length || at >= range.end) continue
        const to = Math.min(range.end - chunk.start, chunk.length)
        yield { chunk, servers: page.locations.get(chunk.volume) ?? [], from: at - chunk.start, to }
        at = chunk.start + to
      }
    }
  }

  async #page(info: FileInfo, fromByte: number, context: RequestContext): Promise<FoundFile> {
    const { file, version } = info
    const page = requireFile(
      await this.#deps.lookup(
        { by: 'version', file, version, fromByte, chunksMax: LOOKUP_CHUNKS_MAX },
        context,
      ),
    )
    const isCovered = page.chunks.some(
      (chunk) => chunk.start <= fromByte && fromByte < chunk.start + chunk.length,
    )
    if (!isCovered) throw new DfsError('INTERNAL', `no chunk holds byte ${fromByte} of ${info.size}`)
    return page
  }
}

async function* lend(loan: LoanedBytes): AsyncGenerator<Uint8Array> {
  try {
    yield loan.bytes
  } finally {
    loan.release()
  }
}

function requireFile(result: LookupResult): FoundFile {
  switch (result.kind) {
    case 'file':
      return result
    case 'error':
      throw new DfsError(result.code, result.detail)
    case 'directory':
      throw new DfsError('IS_A_DIRECTORY', 'a directory has no content')
    case 'link':
      throw new DfsError('IS_A_LINK', `it points to ${result.target}`)
  }
}
