/** Reading a file: one look-up at the master, then its bytes in order (file-stream.ts). */
import { type Clock } from '@dfs/core'
import {
  continueContext,
  DfsError,
  type FileInfo,
  type FilePath,
  type FoundFile,
  type Lookup,
  LOOKUP_CHUNKS_MAX,
  type LookupResult,
  type OpenFile,
  type RequestContext,
} from '@dfs/protocol'
import { type ChunkReader } from './chunk-reader.ts'
import { FileStream } from './file-stream.ts'
import { type ReadPermits } from './read-permits.ts'

export interface FileReaderDeps {
  readonly clock: Clock
  readonly lookup: (request: Lookup, context: RequestContext) => Promise<LookupResult>
  readonly chunks: ChunkReader
  readonly permits: ReadPermits
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
    const who = { path: request.path, requestId: context.requestId }
    return {
      info: found.info,
      now: found.now,
      stream: (range, onEnd = () => {}) =>
        new FileStream(found, range ?? { start: 0, end: found.info.size }, {
          permits: this.#deps.permits,
          onEnd,
          read: (step) => this.#deps.chunks.read(step, who),
          // Whoever asks for more has just taken what there was.
          page: (info, fromByte) => this.#page(info, fromByte, continueContext(this.#deps.clock, context)),
        }),
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
